/** What one kind of statement has cost so far. */
export interface StatementCount {
  readonly id: string
  /** Without literals. */
  readonly text: string
  readonly calls: number
  readonly totalMs: number
  readonly rows: number
  /** Pages looked at, in memory or not. */
  readonly blocks: number
  readonly walBytes: number
}
