// What this browser keeps: one record for each account that this phone is set up for, its key among it.

const NAME = "authsignal-app";
const ACCOUNTS = "accounts";

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(ACCOUNTS, { keyPath: "publicKey" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

async function run(mode, work) {
  const database = await opened();
  try {
    const transaction = database.transaction(ACCOUNTS, mode);
    const request = work(transaction.objectStore(ACCOUNTS));
    return await new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

// Each tenant's app sees its own accounts, the oldest first.
export async function accountsOf(tenantId) {
  const all = await run("readonly", (accounts) => accounts.getAll());
  return all.filter((account) => account.tenantId === tenantId).sort((one, other) => one.since - other.since);
}

// `account`: {publicKey, privateKey, tenantId, userId, name, since, endpoint?, told?}. A key is cloned, never written out.
export const keep = (account) => run("readwrite", (accounts) => accounts.put(account));

export const forget = ({ publicKey }) => run("readwrite", (accounts) => accounts.delete(publicKey));

// Browsers clear what is not persistent when space is short.
export async function persist() {
  try {
    await navigator.storage?.persist?.();
  } catch {
    // Then it stays what it was.
  }
}
