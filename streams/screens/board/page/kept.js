// What this browser keeps for itself: a look, a language. Some browsers keep nothing, and that is fine.

export const kept = (key) => {
  try {
    return localStorage.getItem(`uneri-${key}`);
  } catch {
    return null;
  }
};

export const keep = (key, value) => {
  try {
    if (value === null) localStorage.removeItem(`uneri-${key}`);
    else localStorage.setItem(`uneri-${key}`, value);
  } catch {
    // asked for again the next time
  }
};
