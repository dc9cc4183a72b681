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
}
