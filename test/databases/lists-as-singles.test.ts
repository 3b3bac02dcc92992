import { expect, test } from 'vitest';
import type { Outcome, WriteItem } from '../../databases/contract/write.ts';
import { Random } from '../../examples/orders/random.ts';
import { compareText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { account } from '../support/accounts.ts';
import { deleteOf, fence, forEachEngineRole, type Opened, writeOf } from './engine-roles.ts';
import { type Invoice, invoiceOf, normalized } from './entities.ts';

/** Of one seed: what is there before, and the list. */
interface Case {
  readonly entity: Entity;
  readonly before: readonly WriteItem[];
  readonly list: readonly WriteItem[];
}

type Mode = WriteItem['mode'];

const owners = ['Ada', "O'Neill", 'a "quoted" \\ name', '王芳', ' padded', '?'];
const entities = {
  latest: invoiceOf(normalized('latest'), normalized('latest')),
  first: invoiceOf(normalized('first'), normalized('first')),
  refuse: invoiceOf(normalized('refuse'), normalized('refuse')),
};

/** Few keys, so that most come several times, and few customers, so that most invoices share one. */
class Cases {
  readonly #random: Random;
  readonly #seed: number;
  #ids = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
  }

  of(mode: Mode): Case {
    const dice = this.#pick(['account', 'latest', 'first', 'refuse'] as const);
    const item = dice === 'account' ? this.#account.bind(this) : this.#invoice.bind(this, entities[dice]);
    const list = (count: number) => Array.from({ length: count }, () => item(mode));
    return { entity: dice === 'account' ? account : entities[dice], before: list(4), list: list(8) };
  }

  #account(mode: Mode): WriteItem {
    const id = 1 + this.#below(6);
    const value = {
      id,
      owner: this.#pick(owners),
      email: this.#chance(0.3) ? this.#pick(['one@a', 'two@a']) : null,
      balance: this.#chance(0.1) ? '-1.00' : '1.50',
    };
    if (this.#chance(0.25)) return deleteOf([String(id)], this.#given(mode, 'delete'));
    return writeOf(account, value, this.#given(mode, this.#pick(['create', 'replace', 'update'])));
  }

  #invoice(entity: Entity<Invoice>, mode: Mode): WriteItem {
    const number = `A-${this.#below(4)}`;
    const value: Invoice = {
      number,
      issued: '2024-02-29',
      customer: { id: 1 + this.#below(3), name: this.#pick(['Acme', 'Bolt']), city: null },
      lines: Array.from({ length: 1 + this.#below(3) }, (_, index) => ({
        position: index + this.#below(2) * 3,
        product: this.#pick(owners),
        quantity: this.#below(9),
      })),
    };
    if (this.#chance(0.25)) return deleteOf([number], this.#given(mode, 'delete'));
    const item = writeOf(entity, value, this.#given(mode, this.#pick(['create', 'replace', 'update'])));
    if (mode === 'primary') return item;
    const sharedVersions = item.sharedVersions.map((record) => ({ ...record, version: this.#version() }));
    return { ...item, sharedVersions: this.#chance(0.2) ? [] : sharedVersions };
  }

  #given(mode: Mode, kind: WriteItem['kind']): Partial<WriteItem> {
    // Some ids are sent twice.
    if (!this.#chance(0.15)) this.#ids += 1;
    return {
      mode,
      kind,
      version: mode === 'copy' ? '0' : this.#version(),
      operationId: mode === 'copy' ? null : `case-${this.#seed}-${this.#ids}`,
      status: mode === 'tentative' ? 'tentative' : this.#pick(['pending', 'completed']),
      ...(this.#chance(0.1) ? { expectedVersion: this.#version() } : {}),
      ...(this.#chance(0.1) ? { readVersion: this.#version() } : {}),
      ...(this.#chance(0.2) ? { before: null } : {}),
    };
  }

  #version(): string {
    return String(1 + this.#below(12));
  }

  #below(bound: number): number {
    return Math.floor(this.#random.next() * bound);
  }

  #pick<T>(from: readonly T[]): T {
    const found = from[this.#below(from.length)];
    if (found === undefined) throw new Error('there is nothing to pick from');
    return found;
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }
}

const tables = ['accounts', 'customers', 'invoices', 'invoice_lines'];

/** Everything that is there, without the times. */
async function contentsOf({ sql, control }: Opened) {
  const rows: Record<string, unknown[]> = {
    records: await control('records'),
    operations: (await control('operations')).map(({ created_at, updated_at, ...rest }) => rest),
  };
  for (const table of tables) rows[table] = await sql(`SELECT * FROM ${table}`);
  return Object.fromEntries(
    Object.entries(rows).map(([name, all]) => [
      name,
      all.map((row) => JSON.stringify(row)).sort(compareText),
    ]),
  );
}

/** In the order in which a list is written. */
function inKeyOrder(list: readonly WriteItem[]): number[] {
  const places = [...list.keys()];
  const order = (place: number) => keyText(list[place]?.key ?? []);
  return places.sort((left, right) => compareText(order(left), order(right)) || left - right);
}

async function oneByOne({ store }: Opened, entity: Entity, list: readonly WriteItem[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const place of inKeyOrder(list))
    outcomes[place] = (await store.write(entity, list.slice(place, place + 1), fence))[0] as Outcome;
  return outcomes;
}

forEachEngineRole('a list leaves and answers what its items would one after the other', (at) => {
  const modes: Mode[] = ['primary', 'secondary', 'tentative', 'copy'];
  test.each(modes)('as %s', async (mode) => {
    const role = mode === 'primary' ? 'asPrimary' : 'asSecondary';
    for (let seed = 1; seed <= 12; seed++) {
      const { entity, before, list } = new Cases(seed).of(mode);
      const seen = [];
      for (const way of ['one by one', 'list'] as const) {
        const opened = at();
        await opened.reset();
        await opened[role]();
        await oneByOne(opened, entity, before);
        const outcomes =
          way === 'list'
            ? await opened.store.write(entity, list, fence)
            : await oneByOne(opened, entity, list);
        seen.push({ seed, outcomes, ...(await contentsOf(opened)) });
      }
      expect(seen[1]).toEqual(seen[0]);
    }
  });
});
