namespace KernOpt.Target;

public static partial class Reasons
{
    public static readonly Reason PassBrokeBody = new(3001, nameof(PassBrokeBody),
        "A bug: an optimization pass left a body that breaks a structural rule. Nothing was made; please report the function and the pass.");

    public static readonly Reason NothingToGain = new(3002, nameof(NothingToGain),
        "The bindings or counts make no version that is worth having: nothing that costs time depends on them.");

    public static readonly Reason FlagsAreLive = new(3101, nameof(FlagsAreLive),
        "An instruction with a known result was kept, because flags that it writes are read later.");

    public static readonly Reason DividendIsWide = new(3102, nameof(DividendIsWide),
        "A division by a known divisor was kept: its dividend is not known to be a plain or sign-extended value of one register, or the divisor is -1.");

    public static readonly Reason NoFreeRegister = new(3103, nameof(NoFreeRegister),
        "A division by a known divisor was kept: doing without it needs a register, and none that the function writes is free there.");

    public static readonly Reason BindingNotAnArgument = new(3201, nameof(BindingNotAnArgument),
        "A binding names a register in which the function takes no argument, names it twice, or is neither 32 nor 64 bits wide.");

    public static readonly Reason ArgumentLostBeforeSite = new(3202, nameof(ArgumentLostBeforeSite),
        "At the place to be redirected a bound argument is no longer in a register, so no guard can compare it; an earlier site may do.");

    public static readonly Reason NoRegisterForGuard = new(3204, nameof(NoRegisterForGuard),
        "A bound value of more than 32 bits needs a free register to be compared with, and none that the function writes is free at the site.");

    public static readonly Reason EnteredBeforeSite = new(3205, nameof(EnteredBeforeSite),
        "Other code jumps into the function between its start and the place to be redirected, so that arguments may have been moved by none of the instructions before it.");
}
