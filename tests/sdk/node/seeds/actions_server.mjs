// “Action & rules: the complete implementation guide”: the server's samples.
import { createRequire } from "node:module";
import { express } from "./web_server.mjs";

const require = createRequire(import.meta.url);

// server.js

const { Authsignal } = require("@authsignal/node");

// The article's {secret, baseUrl} are {apiSecretKey, apiUrl} now.
export const authsignal = new Authsignal({
  apiSecretKey: process.env.AUTHSIGNAL_API_SECRET_KEY,
  apiUrl: process.env.AUTHSIGNAL_API_URL, // Region-specific URL
});

/** The app; `site` is everything that the article takes for granted: accounts, sessions, money. */
export function makeApp(site) {
  const app = express();

  // POST /api/auth/signin
  app.post("/api/auth/signin", async (req, res) => {
    try {
      // First, validate credentials with your existing auth system
      const user = await site.validateCredentials(req.body.email, req.body.password);

      if (!user) {
        return res.status(401).json({ error: "Invalid credentials" });
      }

      // Track the sign-in action with Authsignal
      const result = await authsignal.track({
        userId: user.id,
        action: "signIn",
        attributes: {
          // Essential context for rule evaluation
          deviceId: req.body.deviceId,
          ipAddress: req.ip,
          userAgent: req.headers["user-agent"],
        },
      });

      // Call after successful authentication
      if (result.state === "ALLOW" || result.state === "CHALLENGE_SUCCEEDED") {
        // Update user profile for future risk assessments
        await updateUserRiskProfile(user.id, "login", {
          ip: req.ip,
          userAgent: req.headers["user-agent"],
        });
      }

      // Handle the result based on your configured rules
      return handleAuthResult(result, user, res, req);
    } catch (error) {
      console.error("Authentication error:", error);
      return res.status(500).json({ error: "Authentication failed" });
    }
  });

  function handleAuthResult(result, user, res, req) {
    switch (result.state) {
      case "ALLOW": {
        // User is trusted, proceed without challenge
        const session = site.createUserSession(user);
        return res.json({
          success: true,
          session,
          message: "Login successful",
        });
      }

      case "CHALLENGE_REQUIRED":
        // Rules determined additional verification is needed
        return res.json({
          requiresChallenge: true,
          challengeUrl: result.url, // For hosted UI
          challengeToken: result.token, // For custom UI
          message: "Additional verification required",
        });

      // The article's REVIEW is REVIEW_REQUIRED on the wire.
      case "REVIEW_REQUIRED":
        // Action requires manual review
        return res.json({
          requiresReview: true,
          message:
            "Your login is being reviewed for security purposes. This typically takes a few minutes.",
        });

      case "BLOCK":
        // Rules determined this is high-risk, block the attempt
        site.logSecurityEvent("blocked_signin", {
          userId: user.id,
          reason: "rule_triggered",
          ip: req.ip,
        });
        return res.status(403).json({
          error: "This login attempt has been blocked for security reasons.",
        });

      default:
        // Unexpected state, default to secure behavior
        return res.status(500).json({
          error: "An unexpected error occurred. Please try again.",
        });
    }
  }

  // POST /api/auth/validate-challenge
  app.post("/api/auth/validate-challenge", async (req, res) => {
    const { token } = req.body;

    try {
      const result = await authsignal.validateChallenge({ token });

      if (result.state === "CHALLENGE_SUCCEEDED") {
        // Create authenticated session
        const user = await site.getUserById(result.userId);
        const session = site.createUserSession(user);

        return res.json({
          success: true,
          session,
          message: "Authentication successful",
        });
      } else {
        return res.status(401).json({
          success: false,
          message: "Authentication challenge failed",
        });
      }
    } catch (error) {
      console.error("Challenge validation error:", error);
      return res.status(500).json({
        success: false,
        message: "An error occurred during authentication",
      });
    }
  });

  // Using custom data in actions

  app.post("/api/withdraw-funds", async (req, res) => {
    const result = await authsignal.track({
      userId: "user-123",
      action: "withdrawFunds",
      attributes: {
        // Standard Authsignal context
        deviceId: req.body.deviceId,
        ipAddress: req.ip,
        userAgent: req.headers["user-agent"],

        // Your custom business data
        custom: {
          withdrawalAmount: 2001,
          destinationType: "bank",
          isFirstWithdrawal: true,
          accountAgeInDays: 45,
        },
      },
    });
    return res.json(result);
  });

  // Financial services example

  app.post("/api/withdrawals", async (req, res) => {
    const { userId, amount, destinationAccount, destinationType } = req.body;

    try {
      // Calculate additional context
      const isNewDestination = await site.checkIfNewDestination(userId, destinationAccount);
      const velocityScore = await site.calculateWithdrawalVelocity(userId);

      // Track the withdrawal with custom data
      const result = await authsignal.track({
        userId,
        action: "withdraw",
        attributes: {
          // Standard context
          deviceId: req.body.deviceId,
          ipAddress: req.ip,
          userAgent: req.headers["user-agent"],

          // Custom data points (must match Portal definitions exactly)
          custom: {
            withdrawalAmount: parseFloat(amount),
            destinationType: destinationType,
            isNewDestination: isNewDestination,
            velocityScore: velocityScore,
          },
        },
      });

      return handleWithdrawalResult(result, userId, amount, destinationAccount, res);
    } catch (error) {
      console.error("Withdrawal error:", error);
      return res.status(500).json({ error: "Withdrawal failed" });
    }
  });

  function handleWithdrawalResult(result, userId, amount, destination, res) {
    switch (result.state) {
      case "ALLOW":
        // Process withdrawal immediately
        return site.processWithdrawal(userId, amount, destination, res);

      case "CHALLENGE_REQUIRED":
        // Require additional verification
        return res.json({
          status: "verification_required",
          challengeUrl: result.url,
          challengeToken: result.token,
          pendingTransactionId: site.createPendingTransaction(userId, amount, destination),
        });

      case "REVIEW_REQUIRED": {
        // Queue for manual review
        const reviewTransaction = site.createReviewTransaction(userId, amount, destination);
        site.notifyReviewTeam(reviewTransaction);

        return res.json({
          status: "under_review",
          transactionId: reviewTransaction.id,
          message: "Your withdrawal is being reviewed and will be processed within 1-2 business days.",
        });
      }

      case "BLOCK":
        // Block the transaction
        site.logBlockedTransaction(userId, amount, destination, "rule_triggered");
        return res.status(403).json({
          error: "This withdrawal has been blocked for security reasons.",
        });
    }
  }

  // Update user profile after successful actions
  async function updateUserRiskProfile(userId, actionType, context) {
    try {
      const currentUser = await authsignal.getUser({ userId });

      // Calculate updated risk factors
      const updatedRiskScore = site.calculateRiskScore(currentUser, actionType, context);
      const loginCount = (currentUser.custom?.loginCount || 0) + 1;

      // The article's {userId, custom} is {userId, attributes: {custom}} now.
      await authsignal.updateUser({
        userId,
        attributes: {
          custom: {
            // Risk assessment
            riskScore: updatedRiskScore,
            lastRiskUpdate: new Date().toISOString(),

            // Activity tracking
            loginCount: loginCount,
            lastSuccessfulLogin: new Date().toISOString(),

            // Verification status
            kycStatus: currentUser.custom?.kycStatus || "unverified",
            emailVerified: currentUser.custom?.emailVerified || false,

            // Business-specific data
            accountTier: await site.getUserTier(userId),
            totalSpent: await site.getUserTotalSpent(userId),
          },
        },
      });
    } catch (error) {
      console.error("Failed to update user profile:", error);
    }
  }

  return { app, handleAuthResult, handleWithdrawalResult, updateUserRiskProfile };
}
