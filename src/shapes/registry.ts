/** Which shapes of events there are. A new one adds one line here, and its name to `ShapeName` in scenario.ts. */
import type { ShapeName } from '../scenario/scenario.ts'
import { billing } from './billing/shape.ts'
import { eav } from './eav/shape.ts'
import type { EventShape } from './event-shape.ts'

export const shapes: Readonly<Record<ShapeName, EventShape>> = { billing, eav }
