import { DBOS } from '@dbos-inc/dbos-sdk';
import type { Open } from '../writes/way.ts';
import { openDbos } from './dbos.ts';

export const open: Open = (place) =>
  openDbos(place, 'dbos_two', async (upserts, account) => {
    await DBOS.runStep(() => upserts.legacy(account), { name: 'legacy' });
    await DBOS.runStep(() => upserts.modern(account), { name: 'modern' });
  });
