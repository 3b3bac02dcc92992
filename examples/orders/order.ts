import { entity, field } from 'lockstep';
import { legacy } from './legacy.ts';
import { modern } from './modern.ts';
import { orderSchema } from './schema.ts';

/** An order with its lines. Customers and products are shared: many orders hold the same one. */
export const order = entity({
  name: 'order',
  schema: orderSchema,
  key: 'id',
  fields: {
    customer: field.shared({ name: 'customer', identity: ['id'] }),
    lines: field.list({
      by: ['rowId'],
      fields: {
        product: field.shared({ name: 'product', identity: ['id'] }),
        sales: field.decimal({ scale: 4 }),
        discount: field.decimal({ scale: 2 }),
        profit: field.decimal({ scale: 4 }),
      },
    }),
  },
  legacy,
  modern,
});
