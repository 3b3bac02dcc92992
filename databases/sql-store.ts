import {
  type Canonical,
  compareText,
  type Image,
  type Key,
  keyFromText,
  keyText,
} from '../model/canonical.ts';
import { digestOf } from '../model/digest.ts';
import type { Entity } from '../model/entity.ts';
import { LockstepError, type StoreName } from '../model/failure.ts';
import { ownImage, sharedField } from '../model/field.ts';
import type { Migration } from '../model/migration.ts';
import { type OperationStatus, operationStatuses } from '../model/operation.ts';
import { type DurableState, phases, routes } from '../model/phase.ts';
import { NotCanonical } from '../model/scalar.ts';
import { type BoundEntity, bind, canonicalCells, keyFromCells, keyTexts } from './binding.ts';
import { equals, fromColumn, toColumn } from './column.ts';
import type { Engine, Parameter, RawStored, Session, TextCells } from './engine.ts';
import type {
  Chunk,
  Difference,
  Fence,
  JournalEntry,
  JournalFilter,
  Outcome,
  Store,
  Stored,
  StoreFailure,
  Verdict,
  WriteItem,
} from './store.ts';

const deadlockAttempts = 5;
const keysPerRead = 500;

/** The contract over an engine: everything that both engines do alike. */
export class SqlStore implements Store {
  readonly name: StoreName;
  readonly #engine: Engine;
  readonly #migration: Migration;
  readonly #bound = new Map<string, Promise<BoundEntity>>();

  constructor(name: StoreName, engine: Engine, migration: Migration) {
    this.name = name;
    this.#engine = engine;
    this.#migration = migration;
  }

  get engine() {
    return this.#engine.kind;
  }

  get capabilities() {
    return this.#engine.capabilities;
  }

  get address() {
    return this.#engine.address;
  }

  async ping(): Promise<void> {
    await this.#query('SELECT 1 AS one');
  }

  async plan(): Promise<readonly string[]> {
    const statements = [...(await this.#engine.controlStatements())];
    for (const entity of this.#migration.entities) {
      statements.push(...this.#engine.routineStatements(await this.#bind(entity)));
    }
    return statements;
  }

  /** A routine that is as it should be is left alone: while it is made anew, live writes would miss it. */
  async prepare(): Promise<void> {
    for (const statement of await this.#engine.controlStatements()) await this.#query(statement);
    for (const entity of this.#migration.entities) {
      const bound = await this.#bind(entity);
      if (await this.#guarded(() => this.#engine.isPrepared(bound))) continue;
      for (const statement of this.#engine.routineStatements(bound)) await this.#query(statement);
    }
  }

  async check(): Promise<void> {
    await this.ping();
    for (const entity of this.#migration.entities) {
      const bound = await this.#bind(entity);
      if (await this.#guarded(() => this.#engine.isPrepared(bound))) continue;
      throw this.#notPrepared(`the write routine of ${entity.name} is missing or older than its definition`);
    }
  }

  async readState(migration: string): Promise<DurableState | null> {
    const [row] = await this.#query(
      `SELECT phase, epoch, open, read_percent, write_percent FROM ${this.#control('state')} WHERE migration = ?`,
      [migration],
    );
    if (!row) return null;
    const phase = phases.find((known) => known === row.phase);
    if (!phase) throw new TypeError(`the ${this.name} store's state names an unknown phase`);
    return {
      migration,
      phase,
      epoch: Number(row.epoch),
      open: row.open === '1',
      readPercent: Number(row.read_percent),
      writePercent: Number(row.write_percent),
    };
  }

  async writeState(state: DurableState): Promise<void> {
    const columns = ['migration', 'phase', 'epoch', 'open', 'primary_store', 'read_percent', 'write_percent'];
    await this.#transaction(async (session) => {
      await this.#engine.lockFence(session, state.migration);
      const [row] = await session.query(`SELECT epoch FROM ${this.#control('state')} WHERE migration = ?`, [
        state.migration,
      ]);
      if (row && Number(row.epoch) > state.epoch) {
        throw new LockstepError(
          'Fenced',
          `the ${this.name} store is at epoch ${row.epoch} of ${state.migration}; epoch ${state.epoch} is over`,
          { store: this.name },
        );
      }
      await session.query(this.#engine.text.upsert(this.#control('state'), columns, ['migration']), [
        state.migration,
        state.phase,
        state.epoch,
        state.open ? 1 : 0,
        routes[state.phase].primary,
        state.readPercent,
        state.writePercent,
      ]);
    });
  }

  async write(entity: Entity, items: readonly WriteItem[], fence: Fence): Promise<Outcome[]> {
    if (items.length === 0) return [];
    const bound = await this.#bind(entity);
    const { ready, outcomes } = this.#rows(bound, items);
    const written = await this.#writeReady(bound, ready, fence);
    for (const [position, outcome] of written) outcomes[position] = outcome;
    return outcomes;
  }

  /** Turns items into rows; what cannot be turned has failed for good, and its neighbours go on. */
  #rows(bound: BoundEntity, items: readonly WriteItem[]): { ready: ReadyItem[]; outcomes: Outcome[] } {
    const ready: ReadyItem[] = [];
    const outcomes: Outcome[] = items.map((item, position) => {
      try {
        ready.push({ position, order: keyText(item.key), item, json: requestItem(bound, item, position) });
        return { status: 'superseded', version: '0' };
      } catch (error) {
        return {
          status: 'failed',
          failure: { code: 'StoreRefused', message: shapeMessage(bound, 'toRows', error) },
        };
      }
    });
    ready.sort((left, right) => compareText(left.order, right.order) || left.position - right.position);
    return { ready, outcomes };
  }

  async #writeReady(
    bound: BoundEntity,
    ready: readonly ReadyItem[],
    fence: Fence,
  ): Promise<Map<number, Outcome>> {
    if (ready.length === 0) return new Map();
    try {
      return await this.#call(null, bound, ready, fence);
    } catch (error) {
      const failure = this.#refusal(error);
      const [only, ...rest] = ready;
      if (only && rest.length === 0) return new Map([[only.position, { status: 'failed', failure }]]);
      return await this.#writeApart(bound, ready, fence);
    }
  }

  /** One of them is refused: by halves, so that its neighbours get in with few round trips. */
  async #writeApart(
    bound: BoundEntity,
    ready: readonly ReadyItem[],
    fence: Fence,
  ): Promise<Map<number, Outcome>> {
    const middle = Math.ceil(ready.length / 2);
    const first = await this.#writeReady(bound, ready.slice(0, middle), fence);
    const second = await this.#writeReady(bound, ready.slice(middle), fence);
    return new Map([...first, ...second]);
  }

  /** Throws what is no answer to the write: the store is away, or not prepared. */
  #refusal(error: unknown): StoreFailure {
    const failure = this.#failureOf(error);
    if (failure.code === 'StoreUnavailable') throw this.#unavailable(failure, error);
    if (isUnprepared(failure)) throw this.#notPrepared(failure.message);
    return failure;
  }

  async #call(
    session: Session | null,
    bound: BoundEntity,
    ready: readonly ReadyItem[],
    fence: Fence,
  ): Promise<Map<number, Outcome>> {
    const items = `[${ready.map((item) => item.json).join(',')}]`;
    const request = { fence, items, locks: ready.length > 1 ? locksOf(bound, ready) : null };
    for (let attempt = 1; ; attempt++) {
      try {
        const rows = await this.#engine.callWrite(session, bound, request);
        return new Map(rows.map((row) => [Number(row.ordinal), outcomeOf(row)]));
      } catch (error) {
        // Inside a transaction of ours the whole of it is gone; its owner starts again.
        if (session || attempt >= deadlockAttempts || !this.#engine.isDeadlock(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * attempt));
      }
    }
  }

  async abort(
    entry: { id: string; entity: string; key: Key; kind: string },
    migration: string,
  ): Promise<JournalEntry> {
    const table = this.#control('operations');
    const columns = ['id', 'migration', 'entity', 'record_key', 'kind', 'status'];
    await this.#query(this.#engine.text.insertNew(table, columns, ['id']), [
      entry.id,
      migration,
      entry.entity,
      keyText(entry.key),
      entry.kind,
      'aborted',
    ]);
    const [found] = await this.journal({ migration, ids: [entry.id], limit: 1 });
    if (!found) throw new TypeError(`operation ${entry.id} is used by another migration`);
    return found;
  }

  async settle(ids: readonly string[], status: OperationStatus, reason?: string): Promise<void> {
    if (ids.length === 0) return;
    // Once nothing is owed, nothing can be compensated any more.
    const over = status !== 'pending' && status !== 'parked';
    const from = status === 'compensated' ? ['pending', 'parked', 'completed'] : ['pending', 'parked'];
    await this.#query(
      `UPDATE ${this.#control('operations')} SET status = ?, reason = ?, updated_at = ${this.#engine.text.now}${over ? ', before_image = NULL' : ''}
       WHERE id IN (${marks(ids)}) AND status IN (${marks(from)})`,
      [status, reason ?? null, ...ids, ...from],
    );
  }

  async journal(filter: JournalFilter): Promise<JournalEntry[]> {
    const { statuses, ids } = filter;
    const conditions = ['migration = ?'];
    const parameters: Parameter[] = [filter.migration];
    if (statuses) {
      conditions.push(`status IN (${marks(statuses)})`);
      parameters.push(...statuses);
    }
    if (ids) {
      conditions.push(`id IN (${marks(ids)})`);
      parameters.push(...ids);
    }
    const rows = await this.#query(
      `SELECT id, entity, record_key, kind, status, version, reason, before_image, ${this.#engine.text.milliseconds('created_at')} AS created_ms
       FROM ${this.#control('operations')} WHERE ${conditions.join(' AND ')} ORDER BY created_at, id LIMIT ${Math.floor(filter.limit)}`,
      parameters,
    );
    return rows.map(entryOf);
  }

  async owed(migration: string) {
    const [row] = await this.#query(
      `SELECT COALESCE(SUM(CASE WHEN status = 'pending' THEN 1 ELSE 0 END), 0) AS pending,
         COALESCE(SUM(CASE WHEN status = 'parked' THEN 1 ELSE 0 END), 0) AS parked,
         ${this.#engine.text.milliseconds(this.#engine.text.now)} - MIN(${this.#engine.text.milliseconds('created_at')}) AS oldest
       FROM ${this.#control('operations')} WHERE migration = ? AND status IN ('pending', 'parked')`,
      [migration],
    );
    const oldest = row?.oldest ?? null;
    return {
      pending: Number(row?.pending ?? 0),
      parked: Number(row?.parked ?? 0),
      oldestMs: oldest === null ? null : Number(oldest),
    };
  }

  async read(entity: Entity, keys: readonly Key[]): Promise<Stored[]> {
    const bound = await this.#bind(entity);
    const stored: Stored[] = [];
    for (let at = 0; at < keys.length; at += keysPerRead) {
      const part = keys.slice(at, at + keysPerRead).map((key) => ({ key, unreadable: whyNoKey(bound, key) }));
      const sound = part.filter(({ unreadable }) => unreadable === null).map(({ key }) => key);
      const rows = sound.length > 0 ? await this.#guarded(() => this.#engine.readRows(bound, sound)) : [];
      if (rows.length !== sound.length)
        throw new TypeError(`the ${this.name} store gave ${rows.length} records for ${sound.length} keys`);
      const found = rows.values();
      for (const { key, unreadable } of part) {
        stored.push(storedOf(bound, key, unreadable === null ? found.next().value : undefined, unreadable));
      }
    }
    return stored;
  }

  async keys(entity: Entity, page: { after: Key | null; upTo: Key | null; limit: number }): Promise<Key[]> {
    const bound = await this.#bind(entity);
    const conditions: string[] = [];
    const parameters: Parameter[] = [];
    for (const [limit, operator, last] of [
      [page.after, '>', '>'],
      [page.upTo, '<', '<='],
    ] as const) {
      if (!limit) continue;
      const { sql, values } = this.#beyond(bound, keyTexts(bound, limit), operator, last);
      conditions.push(sql);
      parameters.push(...values);
    }
    const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
    const names = keyNames(bound).join(', ');
    const sql = `${this.#distinctKeys(bound)}${where} ORDER BY ${names} LIMIT ${Math.floor(page.limit)}`;
    const rows = await this.#query(
      bound.root.single || bound.root.key.every((column) => column.bytes === null)
        ? `SELECT ${this.#keyCells(bound)} FROM (${sql}) k ORDER BY ${qualified('k', keyNames(bound))}`
        : this.#spelledOut(bound, sql),
      parameters,
    );
    return rows.map((row) => keyOfRow(bound, row));
  }

  /**
   * Keys that the column's collation takes for one are several keys to us. They come in the same page, which may grow
   * beyond its limit for that, so that the next one can begin behind all of them.
   */
  #spelledOut(bound: BoundEntity, keys: string): string {
    const { table, column } = this.#engine.text;
    const parts = bound.root.key.map((part, index) => {
      const reference = `t.${column(part.name)}`;
      return {
        name: `k${index + 1}`,
        text: part.read(reference),
        group: part.bytes?.(reference) ?? reference,
        reference,
      };
    });
    return `SELECT ${parts.map(({ name, text }) => `MIN(${text}) AS ${name}`).join(', ')}
       FROM (${keys}) k JOIN ${table(bound.root.name)} t ON ${parts.map(({ name, reference }) => `${reference} = k.${name}`).join(' AND ')}
       GROUP BY ${[...parts.map(({ name }) => `k.${name}`), ...parts.map(({ group }) => group)].join(', ')}
       ORDER BY ${[...parts.map(({ name }) => `k.${name}`), ...parts.map(({ group }) => group)].join(', ')}`;
  }

  /** `(a, b) > (x, y)` written out, because not every optimizer uses an index for row comparisons. */
  #beyond(bound: BoundEntity, texts: readonly string[], operator: '<' | '>', last: string) {
    const values: string[] = [];
    const column = (index: number) => {
      const found = bound.root.key[index];
      if (!found) throw new TypeError('a key has more parts than its entity');
      return { reference: `t.${this.#engine.text.column(found.name)}`, compare: found.compare('?') };
    };
    const alternatives = texts.map((_, index) => {
      const parts = texts.slice(0, index + 1).map((text, part) => {
        values.push(text);
        const { reference, compare } = column(part);
        const final = index === texts.length - 1 ? last : operator;
        return `${reference} ${part < index ? '=' : final} ${compare}`;
      });
      return `(${parts.join(' AND ')})`;
    });
    return { sql: `(${alternatives.join(' OR ')})`, values };
  }

  async boundaries(entity: Entity, parts: number): Promise<Key[]> {
    const bound = await this.#bind(entity);
    const total = await this.countKeys(entity);
    const step = Math.ceil(total / Math.max(1, parts));
    if (step === 0 || step >= total) return [];
    const names = keyNames(bound).join(', ');
    const rows = await this.#query(
      `SELECT ${this.#keyCells(bound)} FROM (
         SELECT ${names}, row_number() OVER (ORDER BY ${names}) AS n FROM (${this.#distinctKeys(bound)}) d) k
       WHERE MOD(k.n, ${step}) = 0 AND k.n < ${total} ORDER BY k.n`,
    );
    return rows.map((row) => keyOfRow(bound, row));
  }

  async sample(entity: Entity, count: number, seed: number): Promise<Key[]> {
    const bound = await this.#bind(entity);
    const texts = bound.root.key.map((column, index) => column.read(`k.k${index + 1}`));
    const rows = await this.#query(
      `SELECT ${this.#keyCells(bound)} FROM (${this.#spelledKeys(bound)}) k
       ORDER BY ${this.#engine.text.shuffle(texts, Math.floor(seed))} LIMIT ${Math.floor(count)}`,
    );
    return rows.map((row) => keyOfRow(bound, row));
  }

  async countKeys(entity: Entity): Promise<number> {
    const bound = await this.#bind(entity);
    const [row] = await this.#query(`SELECT count(*) AS total FROM (${this.#spelledKeys(bound)}) k`);
    return Number(row?.total ?? 0);
  }

  async recorded(entity: Entity, page: { after: string | null; limit: number }): Promise<Key[]> {
    const rows = await this.#query(
      `SELECT record_key FROM ${this.#control('records')} WHERE entity = ? AND version > 0 AND record_key > ?
       ORDER BY record_key LIMIT ${Math.floor(page.limit)}`,
      [entity.name, page.after ?? ''],
    );
    return rows.map((row) => keyFromText(row.record_key ?? '[]'));
  }

  async guards(shared: readonly { readonly name: string; readonly key: Key }[]) {
    const guards: { name: string; key: Key; version: string; digest: string }[] = [];
    for (let at = 0; at < shared.length; at += keysPerRead) {
      const part = shared.slice(at, at + keysPerRead);
      const rows = await this.#query(
        `SELECT entity, record_key, version, digest FROM ${this.#control('records')}
         WHERE (entity, record_key) IN (${part.map(() => '(?, ?)').join(', ')}) AND version > 0`,
        part.flatMap(({ name, key }) => [name, keyText(key)]),
      );
      for (const row of rows) {
        guards.push({
          name: row.entity ?? '',
          key: keyFromText(row.record_key ?? '[]'),
          version: row.version ?? '0',
          digest: row.digest ?? '',
        });
      }
    }
    return guards;
  }

  async sharedCopies(entity: Entity, shared: string, key: Key): Promise<Image[]> {
    const shape = entity.shapes[this.name];
    const embedded =
      shape.form === 'rows' ? shape.embedded.find((candidate) => candidate.shared === shared) : undefined;
    const declaration = sharedField(entity.fields, shared);
    if (!embedded || !declaration) return [];
    const table = await this.#guarded(() => this.#engine.catalogue(embedded.table));
    const members = Object.entries(embedded.columns).map(([member, name]) => {
      const declared = declaration.fields[member];
      const column = table?.columns.find((candidate) => candidate.name === name);
      if (declared?.form !== 'scalar' || !column) {
        throw new LockstepError(
          'InvalidDefinition',
          `${entity.name}.${this.name}.embedded.${shared}.${member} fits no column`,
          {
            path: `${entity.name}.${this.name}.embedded.${shared}.${member}`,
          },
        );
      }
      return { member, column, scalar: declared.scalar };
    });
    const identity = declaration.identity.map((name) => {
      const found = members.find((candidate) => candidate.member === name);
      if (found) return found;
      throw new LockstepError(
        'InvalidDefinition',
        `${entity.name}.${this.name}.embedded.${shared} names no column for ${name}`,
        {
          path: `${entity.name}.${this.name}.embedded.${shared}`,
        },
      );
    });
    const { column } = this.#engine.text;
    const rows = await this.#query(
      `SELECT DISTINCT ${members.map((found, index) => `${found.column.read(`t.${column(found.column.name)}`)} AS m${index}`).join(', ')}
       FROM ${this.#engine.text.table(embedded.table)} t
       WHERE ${identity.map((found) => equals(found.column, `t.${column(found.column.name)}`, '?')).join(' AND ')} LIMIT 100`,
      identity.flatMap((found, index) => {
        const text = toColumn(found.column, found.scalar, key[index] ?? null);
        return found.column.bytes ? [text, text] : [text];
      }),
    );
    return rows.map((row) =>
      Object.fromEntries(
        members.map(({ member, column: cell, scalar }, index): [string, Canonical] => [
          member,
          fromColumn(cell, scalar, row[`m${index}`] ?? null),
        ]),
      ),
    );
  }

  async chunks(migration: string, entity: string): Promise<Chunk[]> {
    const rows = await this.#query(
      `SELECT range_no, lower_key, upper_key, cursor_key, done, copied, skipped, refused FROM ${this.#control('chunks')}
       WHERE migration = ? AND entity = ? ORDER BY range_no`,
      [migration, entity],
    );
    return rows.map((row) => ({
      entity,
      range: Number(row.range_no),
      lower: keyOrNull(row.lower_key),
      upper: keyOrNull(row.upper_key),
      cursor: keyOrNull(row.cursor_key),
      done: row.done === '1',
      copied: Number(row.copied),
      skipped: Number(row.skipped),
      refused: Number(row.refused),
    }));
  }

  async planChunks(migration: string, entity: string, bounds: readonly Key[]): Promise<void> {
    const columns = [
      'migration',
      'entity',
      'range_no',
      'lower_key',
      'upper_key',
      'done',
      'copied',
      'skipped',
      'refused',
    ];
    const insert = this.#engine.text.insertNew(this.#control('chunks'), columns, [
      'migration',
      'entity',
      'range_no',
    ]);
    await this.#transaction(async (session) => {
      for (let range = 0; range <= bounds.length; range++) {
        const lower = bounds[range - 1];
        const upper = bounds[range];
        await session.query(insert, [
          migration,
          entity,
          range,
          lower ? keyText(lower) : null,
          upper ? keyText(upper) : null,
          0,
          0,
          0,
          0,
        ]);
      }
    });
  }

  async clearChunks(migration: string): Promise<void> {
    await this.#query(`DELETE FROM ${this.#control('chunks')} WHERE migration = ?`, [migration]);
  }

  async copy(entity: Entity, items: readonly WriteItem[], fence: Fence, chunk: Chunk): Promise<Outcome[]> {
    const bound = await this.#bind(entity);
    const { ready, outcomes } = this.#rows(bound, items);
    const together = async () =>
      await this.#engine.transaction(async (session) => {
        for (const [position, outcome] of await this.#call(session, bound, ready, fence))
          outcomes[position] = outcome;
        if (!isFenced(outcomes)) await this.#checkpoint(session, fence.migration, chunk, outcomes);
      });
    for (let attempt = 1; ; attempt++) {
      try {
        await together();
        return outcomes;
      } catch (error) {
        if (error instanceof LockstepError) throw error;
        if (attempt < deadlockAttempts && this.#engine.isDeadlock(error)) continue;
        this.#refusal(error);
        break;
      }
    }
    // Copies are guarded, so a crash between the rows and their checkpoint repeats nothing.
    for (const [position, outcome] of await this.#writeApart(bound, ready, fence))
      outcomes[position] = outcome;
    if (!isFenced(outcomes))
      await this.#guarded(() => this.#checkpoint(this.#engine, fence.migration, chunk, outcomes));
    return outcomes;
  }

  async #checkpoint(
    session: Session,
    migration: string,
    chunk: Chunk,
    outcomes: readonly Outcome[],
  ): Promise<void> {
    const count = (status: Outcome['status']) =>
      outcomes.filter((outcome) => outcome.status === status).length;
    await session.query(
      `UPDATE ${this.#control('chunks')} SET cursor_key = ?, done = ?, copied = copied + ?, skipped = skipped + ?,
         refused = refused + ?, updated_at = ${this.#engine.text.now}
       WHERE migration = ? AND entity = ? AND range_no = ?`,
      [
        chunk.cursor ? keyText(chunk.cursor) : null,
        chunk.done ? 1 : 0,
        count('applied'),
        count('superseded'),
        chunk.refused + count('failed'),
        migration,
        chunk.entity,
        chunk.range,
      ],
    );
  }

  async primeSequences(entity: Entity): Promise<void> {
    const bound = await this.#bind(entity);
    await this.#guarded(() => this.#engine.primeSequences(bound));
  }

  async recordDifferences(migration: string, differences: readonly Difference[]): Promise<void> {
    const columns = ['migration', 'entity', 'record_key', 'verdict', 'reason'];
    const upsert = this.#engine.text.upsert(this.#control('differences'), columns, [
      'migration',
      'entity',
      'record_key',
    ]);
    for (const { entity, key, verdict, reason } of differences) {
      await this.#query(upsert, [migration, entity, keyText(key), verdict, reason.slice(0, 500)]);
    }
  }

  async differences(migration: string, limit: number): Promise<Difference[]> {
    const rows = await this.#query(
      `SELECT entity, record_key, verdict, reason FROM ${this.#control('differences')} WHERE migration = ?
       ORDER BY found_at, entity, record_key LIMIT ${Math.floor(limit)}`,
      [migration],
    );
    return rows.map((row) => ({
      entity: row.entity ?? '',
      key: keyFromText(row.record_key ?? '[]'),
      verdict: row.verdict as Verdict,
      reason: row.reason ?? '',
    }));
  }

  async clearDifferences(migration: string, entity: string, verdicts: readonly Verdict[]): Promise<void> {
    await this.#query(
      `DELETE FROM ${this.#control('differences')} WHERE migration = ? AND entity = ? AND verdict IN (${marks(verdicts)})`,
      [migration, entity, ...verdicts],
    );
  }

  async retire(entity: Entity): Promise<string[]> {
    const statements: string[] = [];
    for (const table of ownedTables(entity, this.name)) {
      if (!(await this.#guarded(() => this.#engine.catalogue(table)))) continue;
      const statement = this.#engine.text.rename(table, retiredName(table));
      await this.#query(statement);
      statements.push(statement);
    }
    return statements;
  }

  async dropRetired(entity: Entity): Promise<string[]> {
    const statements: string[] = [];
    for (const table of ownedTables(entity, this.name).toReversed()) {
      const place = [...table.split('.').slice(0, -1), retiredName(table)].join('.');
      const statement = `DROP TABLE IF EXISTS ${this.#engine.text.table(place)}`;
      await this.#query(statement);
      statements.push(statement);
    }
    return statements;
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #distinctKeys(bound: BoundEntity): string {
    const { root } = bound;
    const cells = root.key.map(
      (column, index) => `t.${this.#engine.text.column(column.name)} AS k${index + 1}`,
    );
    return `SELECT ${root.single ? '' : 'DISTINCT '}${cells.join(', ')} FROM ${this.#engine.text.table(root.name)} t`;
  }

  /** Distinct by their bytes. */
  #spelledKeys(bound: BoundEntity): string {
    const { root } = bound;
    if (root.single) return this.#distinctKeys(bound);
    const cells = root.key.flatMap((column, index) => {
      const reference = `t.${this.#engine.text.column(column.name)}`;
      return [
        `${reference} AS k${index + 1}`,
        ...(column.bytes ? [`${column.bytes(reference)} AS b${index + 1}`] : []),
      ];
    });
    return `SELECT DISTINCT ${cells.join(', ')} FROM ${this.#engine.text.table(root.name)} t`;
  }

  #keyCells(bound: BoundEntity): string {
    return bound.root.key
      .map((column, index) => `${column.read(`k.k${index + 1}`)} AS k${index + 1}`)
      .join(', ');
  }

  #bind(entity: Entity): Promise<BoundEntity> {
    const known = this.#bound.get(entity.name);
    if (known) return known;
    const binding = this.#readBinding(entity);
    this.#bound.set(entity.name, binding);
    // A failure is not remembered: the table may be there at the next try.
    binding.catch(() => this.#bound.delete(entity.name));
    return binding;
  }

  async #readBinding(entity: Entity): Promise<BoundEntity> {
    const tables = new Map();
    for (const name of allTables(entity, this.name)) {
      const table = await this.#guarded(() => this.#engine.catalogue(name));
      if (table) tables.set(name, table);
    }
    return bind(entity, this.name, tables);
  }

  #control(table: string): string {
    return this.#engine.text.control(table);
  }

  #query(sql: string, parameters: readonly Parameter[] = []): Promise<TextCells[]> {
    return this.#guarded(() => this.#engine.query(sql, parameters));
  }

  #transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#guarded(() => this.#engine.transaction(work));
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof LockstepError) throw error;
      const failure = this.#failureOf(error);
      if (failure.code === 'StoreUnavailable') throw this.#unavailable(failure, error);
      if (isUnprepared(failure)) throw this.#notPrepared(failure.message);
      throw new LockstepError(
        failure.code,
        `the ${this.name} store (${this.address}) refused: ${failure.message}`,
        {
          store: this.name,
          reason: failure.message,
        },
      );
    }
  }

  #failureOf(error: unknown): StoreFailure {
    if (error instanceof LockstepError) throw error;
    return this.#engine.classify(error);
  }

  /** The cause is left out where it came from the server: its message may quote a row. */
  #unavailable(failure: StoreFailure, error: unknown): LockstepError {
    const network = error instanceof Error && 'code' in error && /^E[A-Z]+$/.test(String(error.code));
    return new LockstepError(
      'StoreUnavailable',
      `the ${this.name} store at ${this.address} is not available: ${failure.message}; ` +
        'check that the server runs, that host and port are right, and that it lets this machine in',
      { store: this.name, reason: failure.message },
      network ? { cause: error } : undefined,
    );
  }

  #notPrepared(why: string): LockstepError {
    return new LockstepError(
      'NotPrepared',
      `the ${this.name} store (${this.address}) is not prepared for ${this.#migration.name}: ${why}; run lockstep prepare`,
      { store: this.name, remedy: 'lockstep prepare' },
    );
  }
}

interface ReadyItem {
  readonly position: number;
  readonly order: string;
  readonly item: WriteItem;
  readonly json: string;
}

function requestItem(bound: BoundEntity, item: WriteItem, ordinal: number): string {
  const { entity } = bound;
  const brings = item.brings.map((record) => ({
    e: record.name,
    k: keyText(record.key),
    v: record.version ?? undefined,
    d: record.digest,
  }));
  brings.sort((left, right) => compareText(left.e, right.e) || compareText(left.k, right.k));
  const keys = Object.fromEntries(keyTexts(bound, item.key).map((text, index) => [`k${index + 1}`, text]));
  return JSON.stringify({
    ordinal,
    mode: item.mode,
    kind: item.kind,
    operation: item.operationId ?? undefined,
    key: keyText(item.key),
    version: item.version,
    expected: item.expectedVersion ?? undefined,
    base: item.baseVersion ?? undefined,
    status: item.status,
    digest: item.image ? digestOf(ownImage(entity.fields, item.image)) : undefined,
    before: item.before === undefined ? undefined : JSON.stringify(item.before),
    gone: item.image ? 0 : 1,
    brings: brings.length > 0 ? brings : undefined,
    rows: item.image ? requestRows(bound, item.image) : undefined,
    ...keys,
  });
}

/** Null cells are left out: absent and null are one thing to the routines. */
function requestRows(bound: BoundEntity, image: Image): Record<string, object[]> {
  const rows = bound.rowsOf(image);
  return Object.fromEntries(
    bound.tables.map((table) => [
      table.name,
      (rows[table.name] ?? []).map((row) => {
        const cells = Object.fromEntries(Object.entries(row).filter(([, cell]) => cell !== null));
        if (!table.reference) return cells;
        return { ...cells, lockstep_guard: JSON.stringify(canonicalCells(table.identity, row)) };
      }),
    ]),
  );
}

/** Own records first, then shared ones, each in key order: every list takes its locks in this order. */
function locksOf(bound: BoundEntity, ready: readonly ReadyItem[]): string {
  const own = new Set(ready.map(({ order }) => JSON.stringify([bound.entity.name, order])));
  const shared = new Set(
    ready.flatMap(({ item }) =>
      item.brings.map((record) => JSON.stringify([record.name, keyText(record.key)])),
    ),
  );
  const sorted = (locks: Set<string>) => [...locks].sort(compareText);
  return `[${[...sorted(own), ...sorted(shared)].join(',')}]`;
}

function outcomeOf(row: TextCells): Outcome {
  const status = row.status ?? '';
  const version = row.version ?? null;
  const reason = row.reason ?? null;
  if (status.startsWith('known:')) {
    return { status: 'known', version, recorded: statusOf(status.slice('known:'.length)), reason };
  }
  switch (status) {
    case 'applied':
    case 'superseded':
    case 'moved':
      return { status, version: version ?? '0' };
    case 'refused':
      return { status, reason: refusalOf(reason), version: version ?? '0' };
    case 'fenced':
      return { status, epoch: version === null ? null : Number(version) };
    default:
      throw new TypeError(`the write routine gave an unknown status; run lockstep prepare`);
  }
}

function refusalOf(reason: string | null) {
  if (reason === 'AlreadyExists' || reason === 'NotFound' || reason === 'VersionConflict') return reason;
  throw new TypeError('the write routine gave an unknown reason; run lockstep prepare');
}

function statusOf(text: string | null | undefined): OperationStatus {
  const found = operationStatuses.find((status) => status === text);
  if (!found) throw new TypeError('the journal holds an unknown status');
  return found;
}

function entryOf(row: TextCells): JournalEntry {
  const before = row.before_image ?? null;
  return {
    id: row.id ?? '',
    entity: row.entity ?? '',
    key: keyFromText(row.record_key ?? '[]'),
    kind: row.kind ?? '',
    status: statusOf(row.status),
    version: row.version ?? null,
    reason: row.reason ?? null,
    before: before === null ? null : (JSON.parse(before) as Image | null),
    createdAtMs: Number(row.created_ms),
  };
}

function storedOf(
  bound: BoundEntity,
  key: Key,
  raw: RawStored | undefined,
  unreadable: string | null,
): Stored {
  const found = raw !== undefined && (raw.rows[bound.root.name] ?? []).length > 0;
  return {
    key,
    version: raw?.version ?? '0',
    deleted: raw?.deleted ?? false,
    operationId: raw?.operationId ?? null,
    digest: raw?.digest ?? null,
    ...(found ? imageOrReason(bound, raw.rows) : { image: null, unreadable }),
  };
}

/** A key that the columns cannot hold, or that is too long for the guard, is told like a row that cannot be read. */
function whyNoKey(bound: BoundEntity, key: Key): string | null {
  try {
    keyTexts(bound, key);
    return null;
  } catch (error) {
    if (error instanceof NotCanonical || error instanceof LockstepError) return error.message;
    throw error;
  }
}

function isUnprepared(failure: StoreFailure): boolean {
  return /no such table|routine missing/.test(failure.message);
}

function keyNames(bound: BoundEntity): string[] {
  return bound.root.key.map((_, index) => `k${index + 1}`);
}

function qualified(alias: string, names: readonly string[]): string {
  return names.map((name) => `${alias}.${name}`).join(', ');
}

function imageOrReason(bound: BoundEntity, rows: Parameters<BoundEntity['imageOf']>[0]) {
  try {
    return { image: bound.imageOf(rows), unreadable: null };
  } catch (error) {
    return { image: null, unreadable: shapeMessage(bound, 'fromRows', error) };
  }
}

/** Our own messages name paths only; those of a shape's functions may quote a row, so only their kind is told. */
function shapeMessage(bound: BoundEntity, step: 'toRows' | 'fromRows', error: unknown): string {
  if (error instanceof NotCanonical || error instanceof LockstepError) return error.message;
  const kind = error instanceof Error ? error.name : typeof error;
  return `${bound.entity.name}.${bound.store}.${step} threw ${kind}`;
}

function isFenced(outcomes: readonly Outcome[]): boolean {
  return outcomes.some((outcome) => outcome.status === 'fenced');
}

function keyOfRow(bound: BoundEntity, row: TextCells): Key {
  return keyFromCells(
    bound,
    bound.root.key.map((_, index) => row[`k${index + 1}`] ?? null),
  );
}

function keyOrNull(text: string | null | undefined): Key | null {
  return text === null || text === undefined ? null : keyFromText(text);
}

function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}

function ownedTables(entity: Entity, store: StoreName): string[] {
  const shape = entity.shapes[store];
  return shape.form === 'columns' ? [shape.table] : shape.owned.map((table) => table.table);
}

function allTables(entity: Entity, store: StoreName): string[] {
  const shape = entity.shapes[store];
  const referenced = shape.form === 'columns' ? [] : shape.referenced.map((table) => table.table);
  return [...referenced, ...ownedTables(entity, store)];
}

function retiredName(table: string): string {
  return `${table.split('.').at(-1) ?? table}__retired`;
}
