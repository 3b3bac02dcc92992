// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

/** Values, versions, shares and settings: what every part of the product leans on. */
export const valueGuards: readonly Guard[] = [
  {
    file: 'model/version.ts',
    text: ' && BigInt(text) <= maxVersion',
    without: '',
    tests: ['test/unit/token.test.ts'],
    keeps: 'A token whose version no store could hold is refused.',
  },
  {
    file: 'client/service/token.ts',
    text: "token.startsWith(prefix) ? token.slice(prefix.length) : ''",
    without: 'token.slice(prefix.length)',
    tests: ['test/unit/token.test.ts'],
    keeps: 'What does not say that it is a token is none.',
  },
  {
    file: 'model/rollout.ts',
    text: 'Math.imul(hash ^ text.charCodeAt(index), 0x01000193)',
    without: 'hash ^ text.charCodeAt(index)',
    tests: ['test/unit/rollout.test.ts'],
    keeps: 'Neighbouring keys spread evenly over the shares.',
  },
  {
    file: 'model/rollout.ts',
    text: 'bucketOf(`${entity}\\u0000${key}`)',
    without: 'bucketOf(key)',
    tests: ['test/unit/rollout.test.ts'],
    keeps: 'Entities with the same keys do not move together.',
  },
  {
    file: 'model/phase.ts',
    text: "  if (phase === 'modern-only' || phase === 'decommissioned') return null;\n",
    without: '',
    tests: ['test/unit/route.test.ts'],
    keeps: 'There is no way back to a store that receives no writes.',
  },
  {
    file: 'model/phase.ts',
    text: ' ||\n    flagsApplyIn(from) !== flagsApplyIn(to)',
    without: '',
    tests: ['test/unit/route.test.ts'],
    keeps: 'Writes that a flag kept out of the secondary are fenced out when flags apply no longer.',
  },
  {
    file: 'model/phase.ts',
    text: 'modern.changeNumber > legacy.changeNumber ? modern',
    without: 'modern.epoch > legacy.epoch ? modern',
    tests: ['test/unit/route.test.ts'],
    keeps: 'The later change of the route is the newer state, under one epoch too.',
  },
  {
    file: 'model/settings-faults.ts',
    text: "path === 'journal.retentionMs' && value < minRetentionMs",
    without: "path === 'journal.retentionMs' && value < 0",
    tests: ['test/unit/migration.test.ts'],
    keeps: 'The journal remembers for longer than a late try may take.',
  },
  {
    file: 'model/settings-faults.ts',
    text: 'if (shares.includes(path) && value > 1)',
    without: 'if (shares.includes(path) && value > 100)',
    tests: ['test/unit/migration.test.ts'],
    keeps: 'A share above 1 is no setting.',
  },
  {
    file: 'model/settings-faults.ts',
    text: '!(value >= 0 && Number.isFinite(value))',
    without: '!Number.isFinite(value)',
    tests: ['test/unit/migration.test.ts'],
    keeps: 'A negative time is no setting.',
  },
];
