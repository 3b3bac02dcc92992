// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

/** What services and operators give, and what they may not read. */
export const inputGuards: readonly Guard[] = [
  {
    file: 'client/temporal/encryption.ts',
    text: 'payloads.map((payload) => seal(payload, first, context)),',
    without: '(first.id === context?.workflowId ? [] : payloads),',
    tests: ['test/unit/encryption.test.ts'],
    keeps: 'With a key nothing goes to Temporal as it is.',
  },
  {
    file: 'client/temporal/encryption-keys.ts',
    text: 'if (key.length !== 32)',
    without: 'if (key.length === 0)',
    tests: ['test/unit/encryption.test.ts'],
    keeps: 'A key of another length is refused at once.',
  },
  {
    file: 'client/temporal/encryption.ts',
    text: 'keys.find((key) => key.id === id)',
    without: 'keys.find((key) => key.id === id || key === keys[0])',
    tests: ['test/unit/encryption.test.ts'],
    keeps: 'A payload of a key that is not there is told by the name of its key.',
  },
  {
    file: 'databases/sql/write-request.ts',
    text: "if (!outcome) throw new TypeError('the write routine gave no outcome for an item; run lockstep prepare');\n    return outcome;",
    without: "return outcome ?? { status: 'superseded', version: '0' };",
    tests: ['test/unit/write-outcomes.test.ts'],
    keeps: 'An item without an outcome is never taken for written.',
  },
  {
    file: 'cli/output.ts',
    text: "shown(json ? JSON.stringify(object) : lines.join('\\n'))",
    without: "json ? JSON.stringify(object) : lines.join('\\n')",
    tests: ['test/cli/hostile-texts.test.ts'],
    keeps: 'What others have written has no power over a terminal.',
  },
  {
    file: 'cli/status-lines.ts',
    text: '].map(oneLine);',
    without: '];',
    tests: ['test/cli/hostile-texts.test.ts'],
    keeps: 'A note makes no line of a status.',
  },
];
