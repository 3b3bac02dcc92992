import type { Scalar, ScalarKind } from '../../model/scalar.ts';

/** What becomes of a column type. Every type that either engine's catalogue knows of is here, or is refused by name. */
export interface TypeRule {
  /** The kind of field that the column naturally holds; null where it is refused, and `rule` says why. */
  readonly holds: ScalarKind | null;
  /** Other fields that may lie in such a column. */
  readonly also?: readonly ScalarKind[];
  /** The type to give the column in a database of the other kind. */
  readonly other: string;
  /** What is done about values that the other database or a program would see otherwise. */
  readonly rule: string;
  /** Set where the text is PostgreSQL's own form of the value; text that it would write in another form is refused. */
  readonly own?: true;
}

const spatial: TypeRule = {
  holds: null,
  other: '',
  rule: 'is spatial: the databases disagree about axes and reference systems, so no value of it is sure to be the same; leave it out with `columns`, or keep it as text or bytes',
};

const asText = ['uuid', 'json', 'set', 'bits', 'duration'] as const;
const byBytes =
  'compared and keyed by bytes, whatever the collation; NUL is refused unless the field says nul: "bytes"';
const zeroDates =
  'the zero date is refused unless the field declares a substitute; a date with a zero month or day is refused, or kept by a text field';

const mysqlText: TypeRule = { holds: 'text', also: asText, other: 'text', rule: byBytes };
const mysqlBytes: TypeRule = { holds: 'bytes', also: ['text'], other: 'bytea', rule: 'byte by byte' };
const mysqlInteger: TypeRule = {
  holds: 'integer',
  also: ['boolean', 'bigint', 'decimal'],
  other: 'integer (UNSIGNED: bigint)',
  rule: 'exact; out of range is refused',
};

export const mysqlTypes: Readonly<Record<string, TypeRule>> = {
  tinyint: {
    ...mysqlInteger,
    other: 'smallint, or boolean for a boolean field',
    rule: 'a number, TINYINT(1) too: a boolean field takes 0 and 1 and refuses the rest',
  },
  smallint: { ...mysqlInteger, other: 'smallint (UNSIGNED: integer)' },
  mediumint: { ...mysqlInteger, other: 'integer' },
  int: mysqlInteger,
  bigint: {
    holds: 'bigint',
    also: ['boolean', 'integer', 'decimal'],
    other: 'bigint (UNSIGNED: numeric(20,0))',
    rule: 'exact; an integer field refuses what is beyond 2^53',
  },
  year: {
    holds: 'integer',
    also: ['bigint', 'decimal'],
    other: 'smallint',
    rule: '0 and 1901…2155; 1…99, which MySQL would take for years of our time, is refused',
  },
  bit: {
    holds: 'bits',
    also: ['boolean', 'integer', 'bigint'],
    other: 'bit(n), or boolean for BIT(1)',
    rule: 'n digits of 0 and 1, leading zeros kept; a bigint field sees an unsigned number, a boolean field BIT(1)',
  },
  decimal: {
    holds: 'decimal',
    also: ['integer', 'bigint'],
    other: 'numeric(p,s)',
    rule: 'exact, as text; more digits after the point than the column keeps are refused',
  },
  float: {
    holds: 'float',
    other: 'real',
    rule: 'the shortest text that is the same 32-bit number; more digits are refused; −0 is 0; FLOAT(m,d) refuses what it would round',
  },
  double: {
    holds: 'float',
    other: 'double precision',
    rule: 'exact; −0 is 0; DOUBLE(m,d) refuses what it would round',
  },
  char: {
    ...mysqlText,
    other: 'char(n), or varchar(n)',
    rule: `${byBytes}; text that ends with a blank is refused, because CHAR drops it`,
  },
  varchar: { ...mysqlText, other: 'varchar(n)' },
  tinytext: mysqlText,
  text: mysqlText,
  mediumtext: mysqlText,
  longtext: mysqlText,
  json: {
    holds: 'json',
    also: ['set'],
    other: 'jsonb',
    rule: 'compared as values: members sorted, numbers exact; an object that names a member twice with two values is refused. MySQL rounds numbers that are neither 64-bit integers nor doubles, so those are refused; MariaDB calls the type longtext: declare field.json()',
  },
  enum: {
    holds: 'text',
    other: 'an enum, or text',
    rule: 'labels, letter by letter; others are refused, and so is the empty value that stands for an error, unless it is a label',
  },
  set: {
    holds: 'set',
    also: ['text'],
    other: 'text[], or text',
    rule: 'a list of labels, sorted; a text field keeps it as MySQL writes it, and refuses another order',
  },
  date: { holds: 'date', also: ['text'], other: 'date', rule: zeroDates },
  time: {
    holds: 'time',
    also: ['duration', 'text'],
    other: 'time(p), or interval for a duration field',
    rule: 'a time field refuses negative times and those from 24 hours on; a duration field keeps them',
  },
  datetime: {
    holds: 'timestamp',
    also: ['text'],
    other: 'timestamp(p)',
    rule: `taken for UTC, to the microsecond; ${zeroDates}`,
  },
  timestamp: {
    holds: 'timestamp',
    also: ['text'],
    other: 'timestamptz(p)',
    rule: `an instant, read and written in UTC; ${zeroDates}`,
  },
  uuid: { holds: 'uuid', also: ['text'], other: 'uuid', rule: 'lower case' },
  inet4: { holds: 'text', other: 'inet', rule: 'four numbers without leading zeros' },
  inet6: { holds: 'text', other: 'inet', rule: 'the shortest form, lower case, as both databases write it' },
  binary: {
    ...mysqlBytes,
    also: ['uuid', 'text'],
    rule: 'byte by byte, trailing zeros too; shorter values, which BINARY(n) would fill up, are refused; BINARY(16) takes a uuid field in plain byte order; what UUID_TO_BIN(x, 1) has swapped stays bytes',
  },
  varbinary: { ...mysqlBytes, also: ['uuid', 'text'] },
  tinyblob: mysqlBytes,
  blob: mysqlBytes,
  mediumblob: mysqlBytes,
  longblob: mysqlBytes,
  geometry: spatial,
  point: spatial,
  linestring: spatial,
  polygon: spatial,
  multipoint: spatial,
  multilinestring: spatial,
  multipolygon: spatial,
  geometrycollection: spatial,
  geomcollection: spatial,
  vector: {
    holds: null,
    other: '',
    rule: 'is a vector, which PostgreSQL has only by an extension; leave it out with `columns`',
  },
};

const postgresqlInteger: TypeRule = {
  holds: 'integer',
  also: ['boolean', 'bigint', 'decimal'],
  other: 'INT',
  rule: 'exact; out of range is refused',
};
const postgresqlText: TypeRule = {
  holds: 'text',
  also: asText,
  other: 'VARCHAR(n) or LONGTEXT, utf8mb4',
  rule: byBytes,
};
const endless =
  'infinity is refused unless the field declares a substitute; years before 1 and after 9999 are refused; a text field keeps both';
const notNumbers = 'NaN and infinity are refused unless the field declares a substitute';
const ownText = (other: string, rule: string): TypeRule => ({ holds: 'text', other, rule, own: true });

export const postgresqlTypes: Readonly<Record<string, TypeRule>> = {
  smallint: { ...postgresqlInteger, other: 'SMALLINT' },
  integer: postgresqlInteger,
  bigint: {
    holds: 'bigint',
    also: ['boolean', 'integer', 'decimal'],
    other: 'BIGINT',
    rule: 'exact; an integer field refuses what is beyond 2^53',
  },
  numeric: {
    holds: 'decimal',
    also: ['integer', 'bigint', 'text'],
    other: 'DECIMAL(p,s)',
    rule: `exact, as text; without a scale 1.50 is 1.5, and a column of fewer digits refuses; ${notNumbers}`,
  },
  real: {
    holds: 'float',
    other: 'FLOAT',
    rule: `the shortest text that is the same 32-bit number; −0 is 0; ${notNumbers}`,
  },
  'double precision': { holds: 'float', other: 'DOUBLE', rule: `exact; −0 is 0; ${notNumbers}` },
  money: {
    holds: 'decimal',
    other: 'DECIMAL(19,2)',
    rule: "an exact number with the digits of the server's lc_monetary, without its currency",
  },
  boolean: { holds: 'boolean', other: 'TINYINT(1)', rule: 'true and false' },
  text: postgresqlText,
  'character varying': { ...postgresqlText, other: 'VARCHAR(n)' },
  character: {
    ...postgresqlText,
    other: 'CHAR(n)',
    rule: `${byBytes}; text that ends with a blank is refused, because char(n) drops it`,
  },
  citext: {
    ...postgresqlText,
    other: 'VARCHAR(n) with a _ci collation',
    rule: 'text; keys are compared by bytes',
  },
  name: ownText('VARCHAR(63)', 'at most 63 bytes; longer text is refused'),
  '"char"': ownText('CHAR(4)', 'one byte; longer text is refused'),
  enum: {
    holds: 'text',
    other: 'an ENUM, or VARCHAR(n)',
    rule: 'labels, letter by letter; others are refused',
  },
  date: { holds: 'date', also: ['text'], other: 'DATE', rule: endless },
  'time without time zone': {
    holds: 'time',
    also: ['text'],
    other: 'TIME(p)',
    rule: 'a time of day; 24:00:00 is refused, or kept by a text field',
  },
  'time with time zone': ownText('VARCHAR(32)', 'with its offset, 12:00:00+02'),
  'timestamp without time zone': {
    holds: 'timestamp',
    also: ['text'],
    other: 'DATETIME(p)',
    rule: `taken for UTC; ${endless}`,
  },
  'timestamp with time zone': {
    holds: 'timestamp',
    also: ['text'],
    other: 'DATETIME(p), or TIMESTAMP(p) for years 1970 to 2038',
    rule: `an instant, read and written in UTC; ${endless}`,
  },
  interval: {
    ...ownText(
      'VARCHAR(64), or TIME(p) for a duration field',
      'as `1 mon 2 days 03:04:05`; a duration field refuses days and months, whose length the calendar decides',
    ),
    also: ['duration'],
  },
  uuid: { holds: 'uuid', also: ['text'], other: 'BINARY(16), CHAR(36) or UUID', rule: 'lower case' },
  bytea: { holds: 'bytes', also: ['uuid', 'text'], other: 'LONGBLOB', rule: 'byte by byte' },
  json: {
    holds: 'json',
    also: ['set'],
    other: 'JSON',
    rule: 'compared as values: members sorted, numbers exact; an object that names a member twice with two values is refused',
  },
  jsonb: {
    holds: 'json',
    also: ['set'],
    other: 'JSON',
    rule: 'compared as values: members sorted, numbers exact; NUL characters are refused',
  },
  bit: {
    holds: 'bits',
    also: ['text'],
    other: 'BIT(n)',
    rule: 'n digits of 0 and 1; another number of digits is refused',
  },
  'bit varying': {
    ...ownText('VARCHAR(n)', 'digits of 0 and 1; MySQL has no bits of varying length'),
    also: ['bits'],
  },
  inet: ownText('VARCHAR(43), or INET6 without networks', 'as 10.0.0.1 or 10.0.0.0/8'),
  cidr: ownText('VARCHAR(43)', 'as 10.0.0.0/8'),
  macaddr: ownText('CHAR(17)', 'as 08:00:2b:01:02:03'),
  macaddr8: ownText('CHAR(23)', 'as 08:00:2b:01:02:03:04:05'),
  oid: {
    ...ownText('INT UNSIGNED', '0 to 4294967295; a negative number, which PostgreSQL would turn, is refused'),
    holds: 'bigint',
    also: ['integer'],
  },
  xml: ownText('LONGTEXT', 'as PostgreSQL writes it, which leaves the encoding out'),
  tsvector: ownText('LONGTEXT', "lexemes sorted, as 'a':1 'b':2"),
  tsquery: ownText('LONGTEXT', "as 'a' & 'b'"),
  int4range: ownText('VARCHAR(64)', 'as [1,10)'),
  int8range: ownText('VARCHAR(64)', 'as [1,10)'),
  numrange: ownText('VARCHAR(255)', 'as [1.5,2.5]'),
  daterange: ownText('VARCHAR(64)', 'as [2024-01-01,2024-02-01)'),
  tsrange: ownText('VARCHAR(128)', 'as ["2024-01-01 00:00:00",)'),
  tstzrange: ownText('VARCHAR(128)', 'in UTC'),
  int4multirange: ownText('LONGTEXT', 'as {[1,3),[5,7)}'),
  int8multirange: ownText('LONGTEXT', 'as {[1,3),[5,7)}'),
  nummultirange: ownText('LONGTEXT', 'as {[1.5,2.5]}'),
  datemultirange: ownText('LONGTEXT', 'as {[2024-01-01,2024-02-01)}'),
  array: {
    holds: 'json',
    also: ['set'],
    other: 'JSON',
    rule: 'a JSON list of scalars of the element type; several dimensions, or a first index other than 1, are refused',
  },
  hstore: {
    holds: 'json',
    other: 'JSON',
    rule: 'a JSON object of strings and nulls; other members are refused',
  },
  point: spatial,
  line: spatial,
  lseg: spatial,
  box: spatial,
  path: spatial,
  polygon: spatial,
  circle: spatial,
  geometry: spatial,
  geography: spatial,
};

/** The element types whose lists are mapped, with the kind that their elements are held to. */
export const elementTypes: Readonly<Record<string, ScalarKind>> = {
  smallint: 'integer',
  integer: 'integer',
  bigint: 'bigint',
  numeric: 'decimal',
  'double precision': 'float',
  boolean: 'boolean',
  text: 'text',
  'character varying': 'text',
  uuid: 'uuid',
  date: 'date',
  enum: 'text',
};

/** The rule of a type that nobody has mapped. */
export const unmapped: TypeRule = {
  holds: null,
  other: '',
  rule: 'is not mapped; leave the column out with `columns`, or change its type',
};

/** A kind with the column's own measures. */
export function scalarOf(
  kind: ScalarKind,
  { scale, precision, length }: { scale: number | null; precision: number; length: number },
): Scalar {
  switch (kind) {
    case 'decimal':
      return { kind, scale };
    case 'time':
    case 'timestamp':
    case 'duration':
      return { kind, precision };
    case 'bits':
      return { kind, length };
    default:
      return { kind };
  }
}
