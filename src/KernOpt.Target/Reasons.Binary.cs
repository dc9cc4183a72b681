namespace KernOpt.Target;

public static partial class Reasons
{
}
