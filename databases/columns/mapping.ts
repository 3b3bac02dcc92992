import type { Canonical, Image } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { sharedField } from '../../model/field.ts';
import { memberOf } from '../../model/member.ts';
import { referenceSteps } from '../../model/shape.ts';
import type { BoundColumn, BoundEntity, BoundTable } from './bound.ts';
import {
  chosenColumns,
  columnNamed,
  firstOf,
  incompatibleColumn,
  invalid,
  isUnique,
  keyColumn,
  notUnique,
  sameNames,
  tableNamed,
  unfilledColumns,
  uniqueColumns,
  withScalar,
} from './checks.ts';
import type { CatalogueTable } from './column.ts';
import { lossBetween } from './loss.ts';
import { cellIn, imageOfFunctions, rowsIn, rowsOfFunctions, textFor, valueIn } from './rows.ts';
import { valuesOfColumns, valuesOfFunctions } from './values.ts';

/** Ties an entity to a store's tables. Throws `InvalidDefinition` with path, column, type and remedy. */
export function bind(
  entity: Entity,
  store: StoreName,
  tables: ReadonlyMap<string, CatalogueTable>,
): BoundEntity {
  const shape = entity.shapes[store];
  const path = `${entity.name}.${store}`;
  if (shape.form === 'columns') return bindColumns(entity, store, shape.table, shape.columns, tables);

  const owned = shape.owned.map((table): BoundTable => {
    const found = tableNamed(tables, table.table, path);
    const columns = chosenColumns(found, table, path);
    return {
      name: found.name,
      columns,
      identity: uniqueColumns(found, columns, table.identity, path),
      key: table.key.map((name, index) => {
        const column = columnNamed(columns, name, `${path}.${table.table}`);
        return keyColumn(entity, index, column, `${path}.${table.table}.${name}`);
      }),
      single: sameNames(table.key, table.identity),
      upsertable: isUnique(found, table.identity) && table.key.every((name) => table.identity.includes(name)),
      reference: null,
      unfilled: unfilledColumns(found, columns),
    };
  });
  // Those that others lead to come first: they are parents of a parent.
  const outermostFirst = shape.referenced.toSorted(
    (left, right) => (referenceSteps(shape, right) ?? 0) - (referenceSteps(shape, left) ?? 0),
  );
  const referenced = outermostFirst.map((table): BoundTable => {
    const found = tableNamed(tables, table.table, path);
    const columns = chosenColumns(found, table, path);
    const at = `${path}.${table.table}`;
    const shared = sharedField(entity.fields, table.shared);
    if (!shared) throw invalid(at, `there is no field.shared of the name "${table.shared}"`);
    if (shared.identity.length !== table.identity.length) {
      throw invalid(`${at}.identity`, `must name a column for each of ${shared.identity.join(', ')}`);
    }
    if (!isUnique(found, table.identity)) throw notUnique(found, table.identity, at);
    const through = tables.get(table.through.table)?.columns ?? [];
    for (const [referenced, owning] of Object.entries(table.through.columns)) {
      columnNamed(columns, referenced, `${at}.through`);
      columnNamed(through, owning, `${at}.through`);
    }
    return {
      name: found.name,
      columns,
      identity: uniqueColumns(found, columns, table.identity, path).map((column, index) => {
        const declared = memberOf(shared.fields, shared.identity[index] ?? '');
        if (declared?.form !== 'scalar') throw invalid(`${at}.identity`, 'must stand for scalars');
        incompatibleColumn(column, declared.scalar, `${at}.${column.name}`);
        return withScalar(column, declared.scalar, `${at}.${column.name}`);
      }),
      key: [],
      single: true,
      upsertable: isUnique(found, table.identity),
      reference: {
        shared: table.shared,
        wins: table.wins,
        table: table.through.table,
        on: Object.entries(table.through.columns),
      },
      unfilled: unfilledColumns(found, columns),
    };
  });
  const bound = [...referenced, ...owned];
  const [only, ...others] = bound;
  const root = firstOf(owned, path);
  const rowsOf = (image: Image) => rowsOfFunctions(entity, store, shape, { tables: bound, root }, image);
  return {
    entity,
    store,
    tables: bound,
    owned,
    referenced,
    root,
    rowsOf,
    imageOf: (rows) => imageOfFunctions(entity, shape, bound, rows),
    lossIn:
      shape.lossy === 'allow'
        ? null
        : (rows, image) => lossBetween(entity, shape, owned, rows, rowsOf(image)),
    programValue: only && others.length === 0 ? valuesOfFunctions(entity, shape, only) : null,
  };
}

function bindColumns(
  entity: Entity,
  store: StoreName,
  tableName: string,
  named: Readonly<Record<string, string>>,
  tables: ReadonlyMap<string, CatalogueTable>,
): BoundEntity {
  const path = `${entity.name}.${store}`;
  const found = tableNamed(tables, tableName, path);
  const columnOf = new Map<string, BoundColumn>();
  for (const [fieldName, declared] of Object.entries(entity.fields)) {
    if (declared.form !== 'scalar')
      throw invalid(`${path}.${fieldName}`, 'a list or record does not fit a column');
    const column = columnNamed(
      found.columns,
      memberOf(named, fieldName) ?? fieldName,
      `${path}.${fieldName}`,
    );
    incompatibleColumn(column, declared.scalar, `${path}.${fieldName}`);
    columnOf.set(fieldName, withScalar(column, declared.scalar, `${path}.${fieldName}`));
  }
  const cells = [...columnOf];
  const columns = [...columnOf.values()];
  const key = entity.key.map((part, index) =>
    keyColumn(
      entity,
      index,
      columnNamed(columns, memberOf(named, part) ?? part, `${path}.key`),
      `${path}.${part}`,
    ),
  );
  const table: BoundTable = {
    name: found.name,
    columns,
    identity: uniqueColumns(
      found,
      columns,
      key.map((column) => column.name),
      path,
    ),
    key,
    single: true,
    upsertable: isUnique(
      found,
      key.map((column) => column.name),
    ),
    reference: null,
    unfilled: unfilledColumns(found, columns),
  };
  return {
    entity,
    store,
    tables: [table],
    owned: [table],
    referenced: [],
    root: table,
    rowsOf(image) {
      const row = cells.map(([fieldName, column]): [string, string | null] => [
        column.name,
        textFor(path, table.name, column, image[fieldName] ?? null),
      ]);
      return { [table.name]: [Object.fromEntries(row)] };
    },
    imageOf(rows) {
      const image: Record<string, Canonical> = {};
      const [row] = rowsIn(rows, table.name);
      if (!row) throw new TypeError(`a record of ${entity.name} has no row`);
      for (const [fieldName, column] of cells) {
        image[fieldName] = valueIn(path, table.name, column, cellIn(row, column.name));
      }
      return image;
    },
    lossIn: null,
    programValue: valuesOfColumns(path, table.name, columnOf),
  };
}
