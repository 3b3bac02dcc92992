import { beforeAll, describe, expect, test } from 'vitest';
import { legacy, orderOf, superstoreRows } from '../../examples/orders/legacy.ts';
import { modern } from '../../examples/orders/modern.ts';
import { order } from '../../examples/orders/order.ts';
import { type Order, orderSchema } from '../../examples/orders/schema.ts';
import { readCells, readOrders, superstoreColumns } from '../../examples/orders/superstore.ts';
import { validImage } from '../../model/entity.ts';
import { entityOf, imageOf } from '../../model/field.ts';

let orders: Order[] = [];
beforeAll(() => {
  orders = readOrders();
});

describe('the file', () => {
  test('holds 9,994 lines of 5,009 orders', () => {
    expect(readCells()).toHaveLength(9_994);
    expect(orders).toHaveLength(5_009);
    expect(orders.flatMap(({ lines }) => lines)).toHaveLength(9_994);
  });

  test('has the faults that the example speaks of', () => {
    const at = (column: string) => superstoreColumns.indexOf(column);
    const cells = readCells();
    const column = (name: string) => cells.map((line) => line[at(name)] ?? '');
    const names = Map.groupBy(cells, (line) => line[at('product_id')] ?? '');
    const twoNames = [...names.values()].filter(
      (lines) => new Set(lines.map((line) => line[at('product_name')])).size > 1,
    );
    const pairs = cells.map((line) => `${line[at('order_id')]} ${line[at('product_id')]}`);

    expect(names.size).toBe(1_862);
    expect(twoNames).toHaveLength(32);
    expect(twoNames.flat()).toHaveLength(337);
    expect(pairs.length - new Set(pairs).size).toBe(8);
    expect(column('product_name').filter(isNotAscii)).toHaveLength(278);
    expect(column('customer_name').filter(isNotAscii)).toHaveLength(89);
    expect(column('postal_code').filter((code) => code.length < 5)).toHaveLength(449);
    expect(cells.flat().filter((cell) => cell === '')).toHaveLength(0);
  });

  test('agrees with itself on what an order has once', () => {
    const perLine = ['row_id', 'product_id', 'category', 'sub_category', 'product_name'];
    const perOrder = superstoreColumns.filter(
      (column) => ![...perLine, 'sales', 'quantity', 'discount', 'profit'].includes(column),
    );
    const heads = readCells().map((line) =>
      JSON.stringify(perOrder.map((column) => line[superstoreColumns.indexOf(column)])),
    );
    expect(new Set(heads).size).toBe(5_009);
  });
});

describe('every order comes back from its rows', () => {
  test('of the legacy shape', () => {
    for (const original of orders) expect(orderOf(superstoreRows(original))).toEqual(original);
    for (const original of orders) expect(legacy.fromRows(legacy.toRows(original))).toEqual(original);
  });

  test('of the modern shape', () => {
    for (const original of orders) expect(modern.fromRows(modern.toRows(original))).toEqual(original);
  });

  test('and from its image', async () => {
    for (const original of orders) {
      const image = await validImage(order, original);
      expect(imageOf(order.fields, entityOf(order.fields, image), order.name)).toEqual(image);
    }
  });
});

describe('the schema refuses', () => {
  const refused = (change: (given: Order) => unknown) => {
    const [given] = orders;
    if (!given) throw new Error('the file holds no order');
    return orderSchema.safeParse(change(structuredClone(given))).error?.issues.map(({ path }) => path);
  };

  test('an order without lines', () => {
    expect(refused((given) => ({ ...given, lines: [] }))).toEqual([['lines']]);
  });

  test('one product under two names', () => {
    const twice = (given: Order) => ({
      ...given,
      lines: given.lines.flatMap((line) => [
        line,
        { ...line, rowId: line.rowId + 100_000, product: { ...line.product, name: 'another' } },
      ]),
    });
    expect(refused(twice)).toEqual([['lines']]);
  });

  test('a postal code without its zeros', () => {
    expect(refused((given) => ({ ...given, address: { ...given.address, postalCode: '6824' } }))).toEqual([
      ['address', 'postalCode'],
    ]);
  });

  test('a day of shipping before the day of the order', () => {
    expect(refused((given) => ({ ...given, shippedOn: '2001-01-01' }))).toEqual([['shippedOn']]);
  });

  test('a property that nobody declared', () => {
    expect(refused((given) => ({ ...given, note: 'x' }))).toEqual([[]]);
  });
});

function isNotAscii(text: string): boolean {
  return [...text].some((character) => character > '\u007f');
}
