import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { entityOf } from '../../model/field.ts';
import type { BoundEntity, Cells, ProgramValue } from '../columns/bound.ts';
import { isFault, type KeyFault, keyTextsOrFault } from '../columns/key-fault.ts';
import { type FoundValue, keysPerRead, type Values } from '../contract/values.ts';
import type { StoreContext } from './context.ts';
import { createImages, shapeMessage } from './images.ts';

const nothing: FoundValue = { value: null, unreadable: null };

/** What programs see of records, and nothing else of them. */
export function createValues(context: StoreContext): Values {
  const { read } = createImages(context);

  async function values(entity: Entity, keys: readonly Key[]): Promise<FoundValue[]> {
    const bound = await context.bind(entity);
    const { programValue } = bound;
    // Rows of several tables are of one snapshot: the statement that reads images sees to that.
    if (programValue === null) return await ofImages(entity, keys);
    const [only] = keys;
    if (only && keys.length === 1) return [await ofOne(bound, programValue, only)];
    const found: FoundValue[] = [];
    for (let at = 0; at < keys.length; at += keysPerRead) {
      found.push(...(await ofCells(bound, programValue, keys.slice(at, at + keysPerRead))));
    }
    return found;
  }

  /** Most reads are of one key: no lists on the way. */
  async function ofOne(bound: BoundEntity, programValue: ProgramValue, key: Key): Promise<FoundValue> {
    const texts = keyTextsOrFault(bound, key);
    if (isFault(texts)) return withoutRow(texts);
    const [rows = []] = await context.translateErrors(() => context.engine.readCells(bound, [texts]));
    return valueOrReason(bound, programValue, rows);
  }

  async function ofCells(
    bound: BoundEntity,
    programValue: ProgramValue,
    keys: readonly Key[],
  ): Promise<FoundValue[]> {
    const given = keys.map((key) => keyTextsOrFault(bound, key));
    const texts = given.filter((one): one is readonly string[] => !isFault(one));
    const cells =
      texts.length === 0 ? [] : await context.translateErrors(() => context.engine.readCells(bound, texts));
    let next = 0;
    return given.map((one) => {
      if (isFault(one)) return withoutRow(one);
      return valueOrReason(bound, programValue, cells[next++] ?? []);
    });
  }

  async function ofImages(entity: Entity, keys: readonly Key[]): Promise<FoundValue[]> {
    return (await read(entity, keys)).map(({ image, unreadable }) => ({
      value: image === null ? null : entityOf(entity.fields, image),
      unreadable,
    }));
  }

  return { values, queryReadOnly: (sql, parameters) => context.engine.queryReadOnly(sql, parameters) };
}

/** A key that the columns cannot hold is simply not there. */
function withoutRow({ reason, isNeverThere }: KeyFault): FoundValue {
  return isNeverThere ? nothing : { value: null, unreadable: reason };
}

function valueOrReason(bound: BoundEntity, programValue: ProgramValue, rows: readonly Cells[]): FoundValue {
  if (rows.length === 0) return nothing;
  try {
    return { value: programValue(rows), unreadable: null };
  } catch (error) {
    return { value: null, unreadable: shapeMessage(bound, 'fromRows', error) };
  }
}
