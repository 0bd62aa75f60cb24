/** What the harness asks of a ClickHouse between phases. */
import type { EngineControl } from '../engine.ts'
import type { ClickHouseHttp } from './http.ts'

export function clickHouseControl(http: ClickHouseHttp): EngineControl {
  return {
    // There is no such thing: every part is whole when its insert is acknowledged.
    checkpoint: () => Promise.resolve('nothing-to-do'),
    execute: async (sql, signal) => {
      // HTTP takes one statement at a time.
      for (const statement of statementsOf(sql)) await http.text(statement, { signal })
    },
  }
}

/** A script cut at the semicolons that stand outside of quotes and comments. */
export function statementsOf(sql: string): readonly string[] {
  const token =
    /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|''|[^'\\])*'|`(?:\\[\s\S]|[^`\\])*`|"(?:\\[\s\S]|[^"\\])*"|;/g
  const statements: string[] = []
  let from = 0
  let code = ''
  for (const match of sql.matchAll(token)) {
    const isComment = match[0].startsWith('--') || match[0].startsWith('/*')
    code += sql.slice(from, match.index) + (isComment || match[0] === ';' ? ' ' : match[0])
    from = match.index + match[0].length
    if (match[0] !== ';') continue
    statements.push(code)
    code = ''
  }
  statements.push(code + sql.slice(from))
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '')
}
