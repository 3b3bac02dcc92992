import type { Guard } from '../guard.ts';

const tests = ['test/workflows/hostile-inputs.test.ts'];

/** What comes into workflows from outside. */
export const workflowInputGuards: readonly Guard[] = [
  {
    file: 'workflows/check-inputs.ts',
    text: "if (fault) throw refused('InvalidRequest'",
    without: "if (fault && workflowType === '') throw refused('InvalidRequest'",
    tests,
    named: 'is started with anything',
    keeps: 'A workflow that is started with anything fails once.',
  },
  {
    file: 'workflows/check-inputs.ts',
    text: "if (fault) throw refused('InvalidInput'",
    without: "if (fault && input.name === '') throw refused('InvalidInput'",
    tests,
    named: 'takes any message',
    keeps: 'An update that is none changes nothing.',
  },
  {
    file: 'workflows/check-inputs.ts',
    text: '        if (!fault) return await next(input);\n',
    without: '        return await next(input);\n',
    tests,
    named: 'takes any message',
    keeps: 'A signal that is none changes nothing.',
  },
  {
    file: 'activities/migration/bulk-result.ts',
    text: 'if (found === null || !isMeant(found, request)) return',
    without: 'if (found === null) return',
    tests,
    named: 'somebody else has started',
    keeps: 'The result of work that somebody else has started is no evidence.',
  },
  {
    file: 'activities/write/write.ts',
    text: '    assertSoundOperations(migration, [operation], pattern);\n',
    without: '',
    tests: ['test/workflows/hostile-writes.test.ts'],
    named: 'a write with',
    keeps: 'A worker carries out no write whose key, fields or version no service would have made.',
  },
  {
    file: 'activities/write/group.ts',
    text: '    assertSoundOperations(context.migration, operations);\n',
    without: '',
    tests: ['test/workflows/hostile-writes.test.ts'],
    named: 'of a group fails alone',
    keeps: 'Nor does it in a group.',
  },
  {
    file: 'activities/write/write.ts',
    text: "    if (!(await isSoundRoute(context, route, [operation]))) return { status: 'fenced' };\n",
    without: '',
    tests: ['test/workflows/hostile-writes.test.ts'],
    named: 'no secondary',
    keeps: 'No write leaves the secondary out because its input says so.',
  },
  {
    file: 'workflows/write/save.ts',
    text: 'if (workflowInfo().workflowId !== wanted)',
    without: "if (workflowInfo().workflowId === '')",
    tests: ['test/workflows/save.test.ts'],
    named: 'under another id',
    keeps: 'A save has the id of its write, so that two of one operation never run at once.',
  },
  {
    file: 'activities/write/save.ts',
    text: "if (dualWrite || pattern === 'flag-controlled') return;",
    without: 'if (dualWrite || pattern) return;',
    tests: ['test/workflows/save.test.ts'],
    named: 'one store only is for flags',
    keeps: 'No save leaves the secondary out that no flag may keep from it.',
  },
  {
    file: 'model/inputs/write-inputs.ts',
    text: 'return [isWhole, !isWhole,',
    without: 'return isGiven.length === 3 || [isWhole, !isWhole,',
    tests: ['test/workflows/save.test.ts'],
    named: 'a patch in a create|no value',
    keeps: 'A save has the content of its kind, and no other.',
  },
];
