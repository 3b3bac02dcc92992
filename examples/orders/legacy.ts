import { rows } from 'lockstep';
import type { Order } from './schema.ts';

/** A row of `superstore`: one line with everything that is known of its order, customer, address and product. */
export interface SuperstoreRow {
  row_id: number;
  order_id: string;
  order_date: string;
  ship_date: string;
  ship_mode: Order['shipMode'];
  customer_id: string;
  customer_name: string;
  segment: Order['customer']['segment'];
  country: string;
  city: string;
  state: string;
  postal_code: number;
  region: string;
  product_id: string;
  category: string;
  sub_category: string;
  product_name: string;
  sales: string;
  quantity: number;
  discount: string;
  profit: string;
}

export const legacy = rows({
  tables: { superstore: { key: ['order_id'], identity: ['row_id'] } },
  embedded: {
    customer: {
      table: 'superstore',
      columns: { id: 'customer_id', name: 'customer_name', segment: 'segment' },
    },
    product: {
      table: 'superstore',
      columns: {
        id: 'product_id',
        name: 'product_name',
        category: 'category',
        subCategory: 'sub_category',
      },
    },
  },
  toRows: (order: Order) => ({ superstore: superstoreRows(order) }),
  fromRows: ({ superstore }) => orderOf(superstore),
});

export function superstoreRows(order: Order): SuperstoreRow[] {
  return order.lines.map(({ rowId, product, sales, quantity, discount, profit }) => ({
    row_id: rowId,
    order_id: order.id,
    order_date: order.orderedOn,
    ship_date: order.shippedOn,
    ship_mode: order.shipMode,
    customer_id: order.customer.id,
    customer_name: order.customer.name,
    segment: order.customer.segment,
    country: order.address.country,
    city: order.address.city,
    state: order.address.state,
    postal_code: Number(order.address.postalCode),
    region: order.address.region,
    product_id: product.id,
    category: product.category,
    sub_category: product.subCategory,
    product_name: product.name,
    sales,
    quantity,
    discount,
    profit,
  }));
}

/** The lines of one order. What an order has once is read from its first line: the lines of an order agree on it. */
export function orderOf(lines: readonly SuperstoreRow[]): Order {
  const [first] = lines;
  if (!first) throw new RangeError('an order has at least one line');
  return {
    id: first.order_id,
    orderedOn: first.order_date,
    shippedOn: first.ship_date,
    shipMode: first.ship_mode,
    customer: { id: first.customer_id, name: first.customer_name, segment: first.segment },
    address: {
      country: first.country,
      city: first.city,
      state: first.state,
      postalCode: restoredPostalCode(first.postal_code),
      region: first.region,
    },
    lines: lines.map((line) => ({
      rowId: line.row_id,
      product: {
        id: line.product_id,
        name: line.product_name,
        category: line.category,
        subCategory: line.sub_category,
      },
      sales: line.sales,
      quantity: line.quantity,
      discount: line.discount,
      profit: line.profit,
    })),
  };
}

/** As a number, the code of a place in New England or New Jersey has lost its first zero. */
function restoredPostalCode(number: number): string {
  return String(number).padStart(5, '0');
}
