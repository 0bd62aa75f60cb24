/** Environment variables that hold the user's secrets: no child process is given them. */

/** libpq's variables and our own DSNs name the user's servers and passwords. */
const ALWAYS = /^PG[A-Z]+$|^HEADROOM_\w+_DSN$/

const withheld = new Set<string>()

/** From now on children do without the variable of this name. */
export function withholdFromChildren(name: string): void {
  withheld.add(name)
}

/** This process's environment as a child may have it. */
export function inheritedEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !ALWAYS.test(name) && !withheld.has(name),
  )
  return Object.fromEntries(kept)
}
