namespace KernOpt.Code.Images;

public sealed partial class ProgramImage
{
    /// <summary>
    /// Whether an exception, or the unwinding of a cancelled thread, may have to pass through the function. A function that calls nothing is never passed.
    /// The first question reads the files of all modules. The reasoning and its limits are those of <see cref="ExceptionReach"/>.
    /// </summary>
    public ExceptionRisk ExceptionMayPass(Function function, bool makesCalls)
    {
        if (!makesCalls) return new ExceptionRisk(false, "it calls nothing");
        if (function.HasLandingPads) return new ExceptionRisk(true, "it has landing pads");
        return current.Exceptions.WhyIn(function.Module) is { } why ? new ExceptionRisk(true, why) : new ExceptionRisk(false, "no module that handles exceptions can call it");
    }
}
