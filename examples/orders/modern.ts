import { rows } from 'lockstep';
import type { Order } from './schema.ts';

export const modern = rows({
  tables: {
    orders: { key: ['order_id'] },
    // By row and not by product: eight orders have two lines of one product.
    order_lines: { key: ['order_id'], identity: ['row_id'] },
  },
  referenced: {
    customers: {
      shared: 'customer',
      identity: ['customer_id'],
      through: { table: 'orders', columns: { customer_id: 'customer_id' } },
      wins: 'latest',
    },
    products: {
      shared: 'product',
      identity: ['product_id'],
      through: { table: 'order_lines', columns: { product_id: 'product_id' } },
      wins: 'latest',
    },
  },
  toRows: (order: Order) => ({
    customers: [
      { customer_id: order.customer.id, name: order.customer.name, segment: order.customer.segment },
    ],
    products: [...new Map(order.lines.map(({ product }) => [product.id, product])).values()].map(
      (product) => ({
        product_id: product.id,
        name: product.name,
        category: product.category,
        sub_category: product.subCategory,
      }),
    ),
    orders: [
      {
        order_id: order.id,
        ordered_on: order.orderedOn,
        shipped_on: order.shippedOn,
        ship_mode: order.shipMode,
        customer_id: order.customer.id,
        country: order.address.country,
        city: order.address.city,
        state: order.address.state,
        postal_code: order.address.postalCode,
        region: order.address.region,
      },
    ],
    order_lines: order.lines.map(({ rowId, product, sales, quantity, discount, profit }) => ({
      row_id: rowId,
      order_id: order.id,
      product_id: product.id,
      sales,
      quantity,
      discount,
      profit,
    })),
  }),
  fromRows: ({ customers, products, orders, order_lines }) => {
    const [order] = orders;
    if (!order) throw new RangeError('an order has a row in orders');
    const customer = only(customers, (row) => row.customer_id === order.customer_id);
    return {
      id: order.order_id,
      orderedOn: order.ordered_on,
      shippedOn: order.shipped_on,
      shipMode: order.ship_mode,
      customer: { id: customer.customer_id, name: customer.name, segment: customer.segment },
      address: {
        country: order.country,
        city: order.city,
        state: order.state,
        postalCode: order.postal_code,
        region: order.region,
      },
      lines: order_lines.map((line) => {
        const product = only(products, (row) => row.product_id === line.product_id);
        return {
          rowId: line.row_id,
          product: {
            id: product.product_id,
            name: product.name,
            category: product.category,
            subCategory: product.sub_category,
          },
          sales: line.sales,
          quantity: line.quantity,
          discount: line.discount,
          profit: line.profit,
        };
      }),
    };
  },
});

function only<T>(found: readonly T[], isIt: (row: T) => boolean): T {
  const row = found.find(isIt);
  if (!row) throw new RangeError('a row that the order refers to is missing');
  return row;
}
