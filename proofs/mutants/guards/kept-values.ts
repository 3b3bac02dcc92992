// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

/** Values that a server cannot give or take, and facts that a catalogue seems to give. */
export const keptValueGuards: readonly Guard[] = [
  {
    file: 'databases/mysql/too-long.ts',
    text: 'return `COALESCE(${sql}, IF(${value} IS NULL, NULL, ${tooLong}))`;',
    without: 'return sql;',
    tests: ['test/databases/large-values.test.ts'],
    keeps: 'A value that the server cannot give as text is not read as null.',
  },
  {
    file: 'databases/mysql/packet-limit.ts',
    text: '  if (bytes > room) throw new StatementTooLarge(bytes, limit);\n',
    without: '',
    tests: ['test/databases/large-values.test.ts'],
    keeps: 'A statement that the server would not take is refused by name, and the connection lives on.',
  },
  {
    file: 'databases/mysql/bulk.ts',
    text: ' || (anySet && isNumber(column))',
    without: '',
    tests: ['test/databases/catalogue-facts.test.ts'],
    named: 'key 0',
    keeps: 'Key 0 is no request for the next number.',
  },
  {
    file: 'databases/postgresql/catalogue.ts',
    text: '  AND i.indisvalid AND i.indisready\n',
    without: '',
    tests: ['test/databases/catalogue-facts.test.ts'],
    named: 'not valid',
    keeps: 'An index that is not valid makes no key.',
  },
  {
    file: 'databases/sql/prepared-definition.ts',
    text: '      if (unfilled.length === 0) continue;\n',
    without: '      continue;\n',
    tests: ['test/databases/catalogue-facts.test.ts'],
    named: 'nobody fills',
    keeps: 'A column that nobody fills is found before every write is refused.',
  },
  {
    file: 'databases/postgresql/list-engine.ts',
    text: '          throw new RowLeftOut(some.table.name);',
    without: '          continue;',
    tests: ['test/databases/catalogue-facts.test.ts'],
    named: 'leaves out',
    keeps: 'A row that a trigger leaves out is not taken for written.',
  },
];
