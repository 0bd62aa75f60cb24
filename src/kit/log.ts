/** Where talk goes: stderr for people, a file for the record. Never data, never a secret. */
export type Log = (line: string) => void

export const silentLog: Log = () => undefined
