"""What a step of an algorithm costs, part by part, and how good its gradients are."""
