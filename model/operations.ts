import type { Image, Key } from './canonical.ts';
import { definitionDigest } from './definition.ts';
import { type Entity, keyOf, validImage } from './entity.ts';
import { LockstepError } from './failure.ts';
import { patchOf } from './field.ts';
import { keyFrom } from './key-input.ts';
import type { Operation, OperationKind } from './operation.ts';
import { type Token, versionOf } from './token.ts';
import type { HybridClock, Version } from './version.ts';

interface Condition {
  readonly ifUnchangedSince?: Token;
}

/** Makes the operations of one entity, validated before anything starts. */
export class Operations {
  readonly #entity: Entity;
  readonly #clock: HybridClock;

  constructor(entity: Entity, clock: HybridClock) {
    this.#entity = entity;
    this.#clock = clock;
  }

  async whole(
    kind: 'create' | 'replace',
    value: unknown,
    id: string,
    options: Condition = {},
  ): Promise<Operation> {
    const image = await validImage(this.#entity, value);
    return this.#operation(kind, id, keyOf(this.#entity, image), image, options);
  }

  update(key: unknown, patch: unknown, id: string, options: Condition = {}): Operation {
    const keyParts = keyFrom(this.#entity, key);
    const image = patchOf(this.#entity.fields, patch, this.#entity.name);
    this.#entity.key.forEach((name, index) => {
      if (!Object.hasOwn(image, name) || image[name] === keyParts[index]) return;
      throw new LockstepError(
        'InvalidEntity',
        `${this.#entity.name}.${name}: an update must not change the key; create the new record and delete the old one`,
        { entity: this.#entity.name, path: `${this.#entity.name}.${name}` },
      );
    });
    return this.#operation('update', id, keyParts, image, options);
  }

  delete(key: unknown, id: string, options: Condition = {}): Operation {
    return this.#operation('delete', id, keyFrom(this.#entity, key), null, options);
  }

  #operation(kind: OperationKind, id: string, key: Key, image: Image | null, options: Condition): Operation {
    return {
      id,
      entity: this.#entity.name,
      kind,
      key,
      image,
      definition: definitionDigest(this.#entity),
      proposed: this.#clock.next(),
      expectedVersion: 'ifUnchangedSince' in options ? expectedVersion(options.ifUnchangedSince) : null,
    };
  }
}

/** The token of a read that did not ask for one is undefined: it must not turn a condition into none. */
function expectedVersion(token: Token | undefined): Version {
  if (token !== undefined) return versionOf(token);
  throw new LockstepError(
    'InvalidToken',
    'ifUnchangedSince is undefined; read with { withToken: true }, or leave the option out to write in any case',
  );
}
