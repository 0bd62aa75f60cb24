/** Settings every architecture has, because every service has the same edge. */
import { z } from 'zod'

const MIB = 1_048_576

export const edgeSettings = {
  queueEventsMax: z
    .int()
    .positive()
    .default(20_000)
    .describe('Events admitted and not yet answered; more are shed with 429.'),
  queueBytesMax: z
    .int()
    .positive()
    .default(64 * MIB)
    .describe('Request bytes admitted and not yet answered; more are shed with 429.'),
  bodyBytesMax: z
    .int()
    .positive()
    .default(16 * MIB)
    .describe('Largest request body; more is answered with 413.'),
  eventsPerRequestMax: z
    .int()
    .positive()
    .default(10_000)
    .describe('Most events in one request; more are answered with 413.'),
  timeoutMs: z
    .int()
    .positive()
    .default(8_000)
    .describe(
      'How long a request may queue before 503 (nothing stored), and a batch may take before 504 (outcome unknown).',
    ),
}

export type EdgeSettings = { readonly [Name in keyof typeof edgeSettings]: number }
