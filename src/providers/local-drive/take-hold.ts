import type { TakeHold } from './anchor.ts'
import { byDescriptor, HAS_DESCRIPTOR_PATHS } from './descriptor-anchor.ts'
import { byName } from './named-anchor.ts'

/** The best way that this system has. */
export const takeHold: TakeHold = HAS_DESCRIPTOR_PATHS ? byDescriptor : byName
