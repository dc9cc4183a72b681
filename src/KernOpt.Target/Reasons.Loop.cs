namespace KernOpt.Target;

public static partial class Reasons
{
    public static readonly Reason TargetNotAllowed = new(7201, nameof(TargetNotAllowed), "The policy does not allow this target; see its key 'targets'.");
    public static readonly Reason TooFewCalls = new(7202, nameof(TooFewCalls), "The function is called less often than the policy asks for: a comparison would take too long.");
    public static readonly Reason CodeBudgetSpent = new(7203, nameof(CodeBudgetSpent), "The versions in the target use as much memory as the policy allows.");
    public static readonly Reason DryRun = new(7204, nameof(DryRun), "The version was built and validated; the policy's mode is dry-run, so it was not installed.");
    public static readonly Reason ReturnsTwice = new(7205, nameof(ReturnsTwice), "The function calls setjmp, vfork or their kind: a second return may come back into a moved copy that is no more.");
    public static readonly Reason ExceptionMayPass = new(7206, nameof(ExceptionMayPass), "A C++ exception may pass through the function, and unwinding through moved code is not supported yet.");
    public static readonly Reason NoSuchVersion = new(7207, nameof(NoSuchVersion), "No version with this id is installed in the target; see kernopt list.");
    public static readonly Reason TargetEnded = new(7208, nameof(TargetEnded), "The target exited, or executed another program, while it was worked on.");
    public static readonly Reason BadBinding = new(7209, nameof(BadBinding), "A binding is REG=VALUE with an integer argument register (rdi, rsi, rdx, rcx, r8, r9) and a decimal or 0x number.");
    public static readonly Reason WatchFailed = new(7210, nameof(WatchFailed), "A bug: the watch of kept versions ended by a fault. The run ended early; what was kept stays, unwatched. Please report the message.");
    public static readonly Reason NoTimeToCompare = new(7211, nameof(NoTimeToCompare), "The time that was left is less than the fewest blocks of a comparison take, so it was not begun; the function may be tried again.");
    public static readonly Reason OnlyMeasured = new(7212, nameof(OnlyMeasured), "The switch stood where an earlier kernopt, which did not end in order, had only measured; it was set back to the original.");
    public static readonly Reason TooFewSamples = new(7213, nameof(TooFewSamples),
        "The profile holds fewer samples than the policy asks for before it is judged: the target hardly runs, or the time was too short.");
    public static readonly Reason NothingHot = new(7214, nameof(NothingHot),
        "No function surely takes the share of the target's time that the policy asks for (thresholds.minimumShare): there is little to gain in any of them.");
    public static readonly Reason FunctionNotAllowed = new(7215, nameof(FunctionNotAllowed), "The policy does not allow this function or its module; see its key 'functions'.");
    public static readonly Reason NothingToTry = new(7216, nameof(NothingToTry),
        "No technique that the policy allows applies to the function: no argument is constant enough to specialize on, and other techniques are off.");
    public static readonly Reason ProfiledOnly = new(7217, nameof(ProfiledOnly), "The policy's mode is measure-only: the target is profiled, and nothing is tried.");
    public static readonly Reason NothingSampled = new(7218, nameof(NothingSampled),
        "No function was seen running often enough to be called hot: the target hardly ran in that time. Put load on it, look for longer (--for), or name functions.");
    public static readonly Reason TextIsNotTheFiles = new(7220, nameof(TextIsNotTheFiles),
        "The function's live code is not what its file holds: another tool has put a breakpoint or a jump there, which a copy would carry along.");
    public static readonly Reason JudgedByPlace = new(7221, nameof(JudgedByPlace),
        "The kernel or the C library decides by where this code lies (a restartable sequence, a point of cancellation), so that a moved copy would mean something else.");
    public static readonly Reason ReturnAddressesAreKeys = new(7222, nameof(ReturnAddressesAreKeys),
        "The program's run-time system looks frames up by their return addresses (OCaml, Go, Haskell, LLVM stack maps); those in moved code are in no table.");
    public static readonly Reason CalleeLooksAtCaller = new(7223, nameof(CalleeLooksAtCaller),
        "The function calls dlsym, dlopen or their kind, which decide by their return address whose symbols and paths they search; one in moved code is in no module.");
}
