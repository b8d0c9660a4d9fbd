"""The actuator: which actions are admitted, who carries them out, and what came of them."""
