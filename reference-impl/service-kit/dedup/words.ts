/** What a window of identities in Redis means to a reader of the promise. */
export function windowWords({
  dedupWindowS,
}: {
  readonly dedupWindowS: number
}): readonly string[] {
  return [
    `one that is sent again within ${String(dedupWindowS)} s of its commit is told where Redis noted it then and has it still; any other repeat may be stored again`,
  ]
}
