namespace KernOpt.Target;

public static partial class Reasons
{
    public static readonly Reason PassBrokeBody = new(3001, nameof(PassBrokeBody),
        "A bug: an optimization pass left a body that breaks a structural rule. Nothing was made; please report the function and the pass.");
}
