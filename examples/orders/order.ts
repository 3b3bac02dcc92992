import { entity, field } from 'lockstep';
import { legacy } from './legacy.ts';
import { modern } from './modern.ts';
import { type Line, type Order, orderSchema } from './schema.ts';

/** An order with its lines. Customers and products are shared: many orders hold the same one. */
export const order = entity<Order>({
  name: 'order',
  schema: orderSchema,
  key: 'id',
  fields: {
    id: field.text(),
    orderedOn: field.date(),
    shippedOn: field.date(),
    shipMode: field.text<Order['shipMode']>(),
    customer: field.shared<Order['customer']>(
      'customer',
      { id: field.text(), name: field.text(), segment: field.text<Order['customer']['segment']>() },
      ['id'],
    ),
    address: field.record<Order['address']>({
      country: field.text(),
      city: field.text(),
      state: field.text(),
      postalCode: field.text(),
      region: field.text(),
    }),
    lines: field.list<Line>(
      {
        rowId: field.integer(),
        product: field.shared<Line['product']>(
          'product',
          { id: field.text(), name: field.text(), category: field.text(), subCategory: field.text() },
          ['id'],
        ),
        sales: field.decimal({ scale: 4 }),
        quantity: field.integer(),
        discount: field.decimal({ scale: 2 }),
        profit: field.decimal({ scale: 4 }),
      },
      { by: ['rowId'] },
    ),
  },
  legacy,
  modern,
});
