// “How to implement adaptive MFA with passkeys”: the components' samples, without React around them.

// components/passkey-manager.tsx

export const makePasskeyManager =
  ({ authsignalClient, authToken, userEmail, setIsEnrolled, setMessage }) =>
  // const enrollPasskey =
  async () => {
    try {
      // Step 1: Get enrollment token
      const challengeResponse = await fetch("/api/passkey/enroll", {
        method: "POST",
        headers: { Authorization: `Bearer ${authToken}` },
      });
      const { token } = await challengeResponse.json();

      // Step 2: Create passkey
      const passkeyResponse = await authsignalClient.passkey.signUp({
        token,
        username: userEmail,
      });

      // Step 3: Validate enrollment
      if (passkeyResponse.data?.token) {
        const validationResponse = await fetch("/api/passkey/validate", {
          method: "POST",
          body: JSON.stringify({ token: passkeyResponse.data.token }),
        });

        if (validationResponse.ok) {
          setIsEnrolled(true);
          setMessage("Passkey successfully enrolled!");
        }
      }
    } catch (error) {
      console.error("Enrollment failed:", error);
    }
  };

// components/passkey-challenge.tsx

export const makePasskeyChallenge =
  ({ authsignalClient, onVerificationComplete }) =>
  // const performPasskeyVerification =
  async () => {
    try {
      // Perform passkey authentication
      const passkeyResponse = await authsignalClient.passkey.signIn({
        action: "adaptive-mfa-transfer",
      });

      if (passkeyResponse.data?.token) {
        // Validate the verification
        const validationResponse = await fetch("/api/passkey/validate", {
          method: "POST",
          body: JSON.stringify({ token: passkeyResponse.data.token }),
        });

        const validationData = await validationResponse.json();

        if (validationData.isValid) {
          onVerificationComplete(true, "Verification successful! Transaction approved.");
        }
      }
    } catch (error) {
      console.error("Verification failed:", error);
    }
  };
