/** The user's audit statement with its placeholders filled in. In: the text and the run. Out: one SQL query. */
import { textTemplate } from '../shapes/event-template.ts'

/** `${started_at}` and `${run}` become SQL texts with their quotes. */
export const STATEMENT_PLACEHOLDERS = ['started_at', 'run'] as const

export function statementText(
  statement: string,
  run: { readonly startedAt: Date; readonly mark: string },
): string {
  const bare = statement.trim().replace(/;+$/, '')
  return textTemplate(bare, {
    // Neither can hold a quote: an ISO time and letters and digits of our own.
    started_at: `'${run.startedAt.toISOString()}'`,
    run: `'${run.mark}'`,
  })({})
}
