import type { Open } from '../way.ts';
import { openLockstep } from './lockstep.ts';

/** Every setting as it is by default. */
export const open: Open = (place) => openLockstep(place, {}, 'primary');
