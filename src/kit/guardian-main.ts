/**
 * The guardian's own process. In: lines of ToGuardian on stdin. When the pipe ends, its Headroom is gone: whatever is
 * still registered is killed, the shared memory it left is freed, compose projects are removed, and the ledger says so.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { plainDocker, removeProject } from './docker.ts'
import type { LedgerProcess, LedgerProject, LiveRecord, ToGuardian } from './guardian.ts'
import { killTree } from './process-kill.ts'

const watched = new Map<number, LedgerProcess>()
const projects = new Map<string, LedgerProject>()
let ledgerFile: string | null = null

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  hear(JSON.parse(line) as ToGuardian)
})
lines.on('close', () => {
  void finish()
})

function hear(message: ToGuardian): void {
  switch (message.type) {
    case 'watch':
      watched.set(message.process.pid, { name: message.name, process: message.process })
      return
    case 'unwatch':
      watched.delete(message.pid)
      return
    case 'watch-project':
      projects.set(message.project.name, message.project)
      return
    case 'unwatch-project':
      projects.delete(message.name)
      return
    case 'ledger':
      ledgerFile = message.file
      return
  }
}

async function finish(): Promise<void> {
  const ended: string[] = []
  // Last started, first ended: a service goes before the engine it writes to.
  for (const entry of [...watched.values()].reverse()) {
    const killed = await killTree(entry.process).catch(() => [])
    if (killed.length > 0) ended.push(entry.name)
  }
  for (const { name, env } of projects.values()) {
    // Where the daemon does not answer, the ledger still names the project for the next command.
    const removed = await removeProject(name, plainDocker(env)).catch(() => [])
    if (removed.length > 0) ended.push(`compose project ${name}`)
  }
  noteInLedger(ended)
  process.exit(0)
}

function noteInLedger(endedByGuardian: readonly string[]): void {
  if (ledgerFile === null || endedByGuardian.length === 0) return
  try {
    const record = JSON.parse(readFileSync(ledgerFile, 'utf8')) as LiveRecord
    // By rename: the next command may be reading it already.
    const next = `${ledgerFile}.guardian.new`
    writeFileSync(next, JSON.stringify({ ...record, endedByGuardian }, null, 2), { mode: 0o600 })
    renameSync(next, ledgerFile)
  } catch {
    // The ledger was removed with its folder: there is nobody left to tell.
  }
}
