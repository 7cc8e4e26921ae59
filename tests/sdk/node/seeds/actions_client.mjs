// “Action & rules: the complete implementation guide”: the browser's samples.

/** The page; `ui` is everything that the article takes for granted: messages and a field for a code. */
export function makePage({ authsignal, ui }) {
  // client-side: Get device ID for tracking
  function getDeviceId() {
    // Authsignal automatically creates a device ID cookie
    const cookies = document.cookie.split(";");
    for (const cookie of cookies) {
      const [name, value] = cookie.trim().split("=");
      if (name === "__as_aid") {
        return value;
      }
    }

    // Fallback to SDK's anonymous ID if cookie doesn't exist yet
    return authsignal.anonymousId;
  }

  // Use in your login form
  async function handleLogin(email, password) {
    const response = await fetch("/api/auth/signin", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        email,
        password,
        deviceId: getDeviceId(),
      }),
    });

    const result = await response.json();

    if (result.requiresChallenge) {
      // Handle challenge flow
      await ui.handleChallenge(result.challengeUrl, result.challengeToken);
    } else if (result.success) {
      // Redirect to dashboard or home page
      window.location.href = "/dashboard";
    }
  }

  // Option 1. client-side: Handle challenge with hosted UI
  async function handleChallenge(challengeUrl) {
    try {
      // Launch Authsignal's hosted UI: launch({url, mode}) of the article is launch(url, {mode}) now.
      const result = await authsignal.launch(challengeUrl, {
        mode: "popup", // or 'redirect'
      });

      if (result.token) {
        // Send the token to your server for validation and session creation
        const response = await fetch("/api/auth/validate-challenge", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ token: result.token }),
        });

        const validation = await response.json();
        if (validation.success) {
          window.location.href = "/dashboard";
        }
      }
    } catch (error) {
      console.error("Challenge failed:", error);
      ui.showErrorMessage("Authentication failed. Please try again.");
    }
  }

  // Option 2. client-side: Custom UI challenge handling
  async function handleCustomChallenge(token) {
    // Set the challenge token
    authsignal.setToken(token);

    // Check what authentication methods the user has available
    try {
      // Try passkey authentication first (most secure and convenient)
      if (await ui.userHasPasskey()) {
        return await handlePasskeyChallenge();
      }

      // Fall back to other methods
      return await handleOtherAuthMethods();
    } catch (error) {
      console.error("Challenge error:", error);
      ui.showErrorMessage("Authentication failed. Please try again.");
    }
  }

  async function handlePasskeyChallenge() {
    try {
      const result = await authsignal.passkey.signIn({
        action: "signIn",
      });

      // The article's result.token is result.data.token now.
      if (result.data?.token) {
        // Send the token to your server for validation
        const response = await fetch("/api/auth/validate-challenge", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ token: result.data.token }),
        });

        const validation = await response.json();
        return validation;
      }
    } catch (error) {
      // Handle passkey-specific errors. An aborted ceremony has the article's name as its code now; a user who
      // cancels the prompt is the browser's own NotAllowedError.
      if (error.code === "ERROR_CEREMONY_ABORTED" || error.name === "NotAllowedError") {
        // User cancelled the passkey prompt
        ui.showMessage("Authentication cancelled. Please try again.");
      } else {
        // Fall back to other authentication methods
        return await handleOtherAuthMethods();
      }
    }
  }

  // What the article calls and does not show: a code by e-mail.
  async function handleOtherAuthMethods() {
    await authsignal.email.challenge();
    const result = await authsignal.email.verify({ code: await ui.askForCode() });
    const response = await fetch("/api/auth/validate-challenge", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: result.data?.token }),
    });
    return response.json();
  }

  return { getDeviceId, handleLogin, handleChallenge, handleCustomChallenge, handlePasskeyChallenge };
}
