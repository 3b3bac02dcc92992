import { afterEach, expect, test, vi } from 'vitest';
import { exit, failureOf, reportFailure } from '../../cli/output.ts';
import { toldOf } from '../../client/temporal/told.ts';
import { LockstepError } from '../../model/failure.ts';
import { unforeseen } from '../../model/unforeseen.ts';

const secret = 'what-a-row-holds';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** All that a command prints of an error. */
function printed(error: unknown, json: boolean): string {
  const lines: string[] = [];
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      lines.push(String(text));
      return true;
    });
  expect(reportFailure(error, json)).toBe(exit.error);
  vi.restoreAllMocks();
  return lines.join('');
}

const foreign: readonly (readonly [string, unknown])[] = [
  ['a parser', new SyntaxError(`Unexpected token in "${secret}"`)],
  ['a driver', Object.assign(new Error(`invalid input: "${secret}"`), { code: '22P02', detail: secret })],
  ['a driver with a text as its code', Object.assign(new Error('no'), { code: `of ${secret}` })],
  ['one with a text as its name', Object.assign(new Error('no'), { name: `of ${secret}` })],
  ['one with a text as its call', Object.assign(new Error('no'), { code: 'X', syscall: `of ${secret}` })],
  ['something that is none', secret],
  ['one inside another', new Error('outer', { cause: new Error(secret) })],
];

test.each(foreign)('a command says of %s what it is, and not its text', (_, error) => {
  vi.stubEnv('LOCKSTEP_DEBUG', undefined);
  for (const json of [true, false]) {
    const said = printed(error, json);
    expect(said).not.toContain(secret);
    expect(said).toContain('LOCKSTEP_DEBUG=1 shows it');
  }
  for (const said of [toldOf(error), failureOf(error).message, unforeseen(error).frames])
    expect(said).not.toContain(secret);
});

test('who asks for the text gets it, beside JSON on another stream', () => {
  vi.stubEnv('LOCKSTEP_DEBUG', '1');
  for (const json of [true, false]) expect(printed(new SyntaxError(secret), json)).toContain(secret);
});

test('a call that the operating system refuses is told by its name and code', () => {
  const error = Object.assign(new Error(secret), { code: 'EADDRINUSE', syscall: 'listen' });
  expect(toldOf(error)).toContain('an unexpected Error (listen EADDRINUSE)');
});

test('what Lockstep says is told as it is', () => {
  expect(toldOf(new LockstepError('Fenced', 'the route changed'))).toBe('the route changed');
});
