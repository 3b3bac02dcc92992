import { once } from 'node:events';
import { ServiceError } from '@temporalio/client';
import { expect, test, vi } from 'vitest';
import { ignoreExpected } from '../../client/service/expected-failure.ts';
import { LockstepError } from '../../model/failure.ts';

test('what a store refuses in the background is expected', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  ignoreExpected(new LockstepError('StoreUnavailable', 'away'));
  ignoreExpected(new ServiceError('Failed to start Workflow', { cause: new Error('tcp connect error') }));
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

test('a fault of this program is shown as a warning, with its place and without its text', async () => {
  const shown = once(process, 'warning');
  ignoreExpected(new TypeError('what-a-row-holds'));
  const [warning] = await shown;
  expect(warning).toMatchObject({
    name: 'LockstepFault',
    message: expect.stringMatching(
      /^(?!.*what-a-row-holds).* an unexpected TypeError;.*\n.*expected-failure\.test/,
    ),
  });
});
