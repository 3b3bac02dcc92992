import type { Random } from './random.ts';
import type { Line, Order } from './schema.ts';
import { shipModes } from './schema.ts';

const firstRowId = 1_000_001;
const firstNames = ['Ada', 'Béla', 'Chloé', 'Dörte', 'Emil', 'Fanny', 'Grace', 'Håkon', 'Inés', 'Jürgen'];
const lastNames = ['Ångström', 'Baker', 'Curie', 'Dvořák', 'Euler', 'Franklin', 'Gödel', 'Hopper'];

/** Makes up orders in the manner of those that are there: their products, prices and places, mixed anew. */
export class OrderMaker {
  readonly #random: Random;
  readonly #models: readonly Order[];
  #orders = 0;
  #rows = 0;

  constructor(random: Random, models: readonly Order[]) {
    this.#random = random;
    this.#models = models;
  }

  create(): Order {
    this.#orders++;
    const orderedOn = this.#date(2026, this.#random.between(0, 364));
    return {
      id: `LS-2026-${String(this.#orders).padStart(6, '0')}`,
      ...this.#shipping(orderedOn),
      orderedOn,
      customer: this.#random.chance(0.1) ? this.#newCustomer() : this.#random.pick(this.#models).customer,
      address: this.#random.pick(this.#models).address,
      lines: this.#lines(this.#random.between(1, 5)),
    };
  }

  /** The same order with everything else new. */
  replacement(order: Order): Order {
    return {
      ...order,
      ...this.#shipping(order.orderedOn),
      address: this.#random.pick(this.#models).address,
      lines: this.#lines(this.#random.between(1, 5)),
    };
  }

  /** What a customer or a clerk changes of an order. */
  patch(order: Order): Partial<Omit<Order, 'id'>> {
    switch (this.#random.between(1, 4)) {
      case 1:
        return this.#shipping(order.orderedOn);
      case 2:
        return { address: this.#random.pick(this.#models).address };
      case 3:
        return { lines: order.lines.map((line) => this.#more(line)) };
      default:
        return { lines: this.#withOneMore(order.lines) };
    }
  }

  #shipping(orderedOn: string): Pick<Order, 'shipMode' | 'shippedOn'> {
    const [year = 2026, month = 1, day = 1] = orderedOn.split('-').map(Number);
    const shipped = new Date(Date.UTC(year, month - 1, day + this.#random.between(0, 7)));
    return { shipMode: this.#random.pick(shipModes), shippedOn: shipped.toISOString().slice(0, 10) };
  }

  #date(year: number, day: number): string {
    return new Date(Date.UTC(year, 0, 1 + day)).toISOString().slice(0, 10);
  }

  #newCustomer(): Order['customer'] {
    const first = this.#random.pick(firstNames);
    const last = this.#random.pick(lastNames);
    // One name for one id: the service never gives a customer a second.
    const number = 90_000 + firstNames.indexOf(first) * lastNames.length + lastNames.indexOf(last);
    return { id: `LS-${number}`, name: `${first} ${last}`, segment: 'Consumer' };
  }

  #lines(count: number): Line[] {
    const lines: Line[] = [];
    for (let at = 0; at < count; at++) lines.push(...this.#lineBeside(lines));
    return lines;
  }

  #withOneMore(lines: readonly Line[]): Line[] {
    return [...lines, ...this.#lineBeside(lines)];
  }

  /** A line of a product that the order does not have yet; none where the draw gives one that it has. */
  #lineBeside(lines: readonly Line[]): Line[] {
    const line = this.#random.pick(this.#random.pick(this.#models).lines);
    if (lines.some(({ product }) => product.id === line.product.id)) return [];
    this.#rows++;
    return [{ ...line, rowId: firstRowId + this.#rows - 1 }];
  }

  /** One piece more, at the price of the others. */
  #more(line: Line): Line {
    const quantity = line.quantity + 1;
    const scaled = (amount: string) => decimal((units(amount) * BigInt(quantity)) / BigInt(line.quantity));
    return { ...line, quantity, sales: scaled(line.sales), profit: scaled(line.profit) };
  }
}

/** Money in ten-thousandths, because a float would not keep it. */
function units(amount: string): bigint {
  const [whole = '0', fraction = ''] = amount.replace('-', '').split('.');
  const size = BigInt(`${whole}${fraction.padEnd(4, '0')}`);
  return amount.startsWith('-') ? -size : size;
}

function decimal(amount: bigint): string {
  const digits = String(amount < 0n ? -amount : amount).padStart(5, '0');
  return `${amount < 0n ? '-' : ''}${digits.slice(0, -4)}.${digits.slice(-4)}`;
}
