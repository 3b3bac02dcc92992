import type { Open } from '../way.ts';
import { openLockstep } from './lockstep.ts';

/** As it was before writes shared workflows. */
export const open: Open = (place) => openLockstep(place, { write: { groupSize: 1 } }, 'primary');
