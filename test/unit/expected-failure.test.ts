import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { ignoreExpected } from '../../client/service/expected-failure.ts';
import { LockstepError } from '../../model/failure.ts';

test('what a store refuses in the background is expected', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  ignoreExpected(new LockstepError('StoreUnavailable', 'away'));
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

test('a fault of this program is shown as a warning', async () => {
  const shown = once(process, 'warning');
  ignoreExpected(new TypeError('cannot read properties of undefined'));
  const [warning] = await shown;
  expect(warning).toMatchObject({
    name: 'LockstepFault',
    message: expect.stringContaining('cannot read properties of undefined'),
  });
});
