import { DBOS } from '@dbos-inc/dbos-sdk';
import type { Open } from '../writes/way.ts';
import { openDbos } from './dbos.ts';

export const open: Open = (place) =>
  openDbos(place, 'dbos_one', async (upserts, account) => {
    await DBOS.runStep(() => Promise.all([upserts.legacy(account), upserts.modern(account)]), {
      name: 'both',
    });
  });
