import type { LegacyConnection, ModernConnection } from './connections.ts';
import { superstoreRows } from './legacy.ts';
import type { Order } from './schema.ts';
import { superstoreColumns } from './superstore.ts';

/** One line of an order as both stores can tell it, every column as text. */
export type PlainLine = ReadonlyMap<string, string>;

const legacySql = `
SELECT row_id, order_id, order_date, ship_date, ship_mode, customer_id, customer_name, segment,
  country, city, state, LPAD(postal_code, 5, '0') AS postal_code, region,
  product_id, category, sub_category, product_name, sales, quantity, discount, profit
FROM superstore ORDER BY row_id`;

const modernSql = `
SELECT l.row_id, o.order_id, o.ordered_on AS order_date, o.shipped_on AS ship_date, o.ship_mode,
  c.customer_id, c.name AS customer_name, c.segment, o.country, o.city, o.state, o.postal_code, o.region,
  p.product_id, p.category, p.sub_category, p.name AS product_name, l.sales, l.quantity, l.discount, l.profit
FROM order_lines l
JOIN orders o ON o.order_id = l.order_id
JOIN customers c ON c.customer_id = o.customer_id
JOIN products p ON p.product_id = l.product_id
ORDER BY l.row_id`;

export async function legacyLines(legacy: LegacyConnection): Promise<PlainLine[]> {
  const [rows] = await legacy.query(legacySql);
  return Array.isArray(rows) ? rows.map(plainLine) : [];
}

export async function modernLines(modern: ModernConnection): Promise<PlainLine[]> {
  const { rows } = await modern.query(modernSql);
  return rows.map(plainLine);
}

/** The lines that a store should hold for an order. */
export function linesOf(order: Order): PlainLine[] {
  return superstoreRows(order).map((row) =>
    plainLine({
      ...row,
      postal_code: order.address.postalCode,
      sales: withDigits(row.sales, 4),
      discount: withDigits(row.discount, 2),
      profit: withDigits(row.profit, 4),
    }),
  );
}

function plainLine(row: object): PlainLine {
  const cells = new Map(Object.entries(row).map(([column, value]) => [column, String(value)]));
  return new Map(superstoreColumns.map((column) => [column, cells.get(column) ?? '']));
}

function withDigits(decimal: string, digits: number): string {
  const [whole = '', fraction = ''] = decimal.split('.');
  return `${whole}.${fraction.padEnd(digits, '0')}`;
}
