/** Billing events as the registry lists them. */
import type { EventShape } from '../event-shape.ts'
import { generateStream } from './generated.ts'
import { openRecorded } from './recorded.ts'

export const billing: EventShape = { generate: generateStream, openRecorded }
