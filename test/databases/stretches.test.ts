import { expect, test } from 'vitest';
import type { CopyCell } from '../../databases/copy-format/copy-cell.ts';
import { CopyText } from '../../databases/copy-format/copy-text.ts';
import { forEachEngineRole, openEngineAs } from './engine-roles.ts';
import { thing } from './entities.ts';

const rows = 8_000;
const bytesPerRow = 1_000;
/** What is taken at a stretch, and what had been read by then. */
const mostAtOnce = 256 * 1024;

/** Slower than the server, so that there is always something to read. */
const slow: CopyCell = {
  fits() {
    for (const until = performance.now() + 0.02; performance.now() < until; );
    return true;
  },
  converted: false,
  nullFits: true,
  plain: true,
  bytes: false,
  convert: (text) => text,
  prefix: '',
};

const things = 'CREATE TABLE things (id INTEGER PRIMARY KEY, label VARCHAR(2000) NOT NULL)';

forEachEngineRole(
  'a page',
  (at) => {
    test('is read in stretches, so that the rest of the process has its turn', async () => {
      const { sql, url, engineRole } = at();
      const engine = openEngineAs(engineRole.role, url);
      for (let id = 0; id < rows; id += 1_000) {
        const some = Array.from(
          { length: 1_000 },
          (_, index) => `(${id + index}, '${'x'.repeat(bytesPerRow)}')`,
        );
        await sql(`INSERT INTO things VALUES ${some.join(', ')}`);
      }
      const page = new CopyText();
      const stretches: number[] = [];
      let before = 0;
      let isOver = false;
      const turn = () => {
        stretches.push(page.length - before);
        before = page.length;
        if (!isOver) setImmediate(turn);
      };
      setImmediate(turn);
      try {
        const query = {
          sql: 'SELECT label FROM things',
          parameters: [],
          limit: rows,
          maxBytes: Number.POSITIVE_INFINITY,
        };
        await engine.bulk.copyOut(query, [slow], page, () => undefined);
        stretches.push(page.length - before);
        isOver = true;
        expect(page.rows).toBe(rows);
        expect(Math.max(...stretches)).toBeLessThan(mostAtOnce);
      } finally {
        isOver = true;
        page.release();
        await engine.close();
      }
    });
  },
  { entities: [thing], onlyTables: [things] },
);
