using KernOpt.Code.Bodies;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>An encoded body that can be called.</summary>
internal sealed class CopiedCode
{
    public CopiedCode(NativeProgram program, FunctionBody body)
    {
        var bound = CodeLayout.UpperBound(body).Value;
        var memory = new ExecutableMemory(program, bound);
        Code = CodeLayout.Encode(body, memory.At).Value;
        Assert.True(Code.Bytes.Length <= bound, $"{Code.Bytes.Length} bytes, at most {bound} were announced");
        memory.Fill(Code.Bytes);
    }

    public EncodedCode Code { get; }
    public Address Entry => Code.Entries[0];
}
