import fc from 'fast-check';
import { format } from 'mysql2';
import { expect, test } from 'vitest';
import { assertFits, StatementTooLarge } from '../../databases/mysql/packet-limit.ts';

test('a statement is measured as the driver writes it', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\0\b\t\n\r\u001a"\'\\', '🎉ä', 'a\'b\\c"'),
  );
  const value = fc.oneof(text, fc.integer(), fc.constant(null));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 5 }), (parameters) => {
      const sql = `SELECT 'ü', ${parameters.map(() => '?').join(', ')}`;
      const bytes = Buffer.byteLength(parameters.length === 0 ? sql : format(sql, parameters));
      const header = 1_024;
      expect(() => assertFits(sql, parameters, bytes + header)).not.toThrow();
      expect(() => assertFits(sql, parameters, bytes + header - 1)).toThrow(StatementTooLarge);
    }),
    { numRuns: 500 },
  );
});
